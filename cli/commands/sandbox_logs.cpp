// ebpfnet logs: what the command of a sandbox has written, and goes on writing.
#include <cstdio>
#include <memory>

#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action sandbox_logs(Arguments& arguments) {
  struct Flags {
    bool follow = false;
    std::string sandbox;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("-f,--follow", flags->follow, "Go on with what comes");
  arguments.add_option("SANDBOX", flags->sandbox, "Sandbox").required();
  return [flags](Context& context) -> Result<int> {
    std::string query = query_of({{"follow", flags->follow ? "1" : ""}});
    TRY_VOID(context.client.stream(path_of("sandboxes", flags->sandbox, "logs") + query,
                                   [](std::string_view text) {
                                     std::fwrite(text.data(), 1, text.size(), stdout);
                                     std::fflush(stdout);
                                   }));
    return 0;
  };
}

} // namespace ebpfnet::cli
