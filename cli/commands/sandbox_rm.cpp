// ebpfnet rm: prints the name of each sandbox that it removed.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action sandbox_rm(Arguments& arguments) {
  struct Flags {
    bool force = false;
    std::vector<std::string> names;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("-f,--force", flags->force, "Kill it first when it runs");
  arguments.add_option("SANDBOX", flags->names, "Names or ids").required();
  return [flags](Context& context) {
    std::string query = query_of({{"force", flags->force ? "1" : ""}});
    return for_each(context, flags->names, [&](const std::string& name) -> Result<void> {
      TRY(context.client.remove(path_of("sandboxes", name) + query));
      fmt::print("{}\n", name);
      return {};
    });
  };
}

} // namespace ebpfnet::cli
