// ebpfnet stop: SIGTERM, and SIGKILL after a while.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_stop(CLI::App& app) {
  struct Flags {
    api::SandboxStop request;
    std::vector<std::string> names;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("-t,--time", flags->request.timeout_seconds, "Seconds between SIGTERM and SIGKILL")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber.description(""));
  app.add_option("SANDBOX", flags->names, "Names or ids")->required();
  return [flags](Context& context) {
    return for_each(context, flags->names, [&](const std::string& name) -> Result<void> {
      TRY(context.client.post(path_of("sandboxes", name, "stop"), api::to_json(flags->request)));
      fmt::print("{}\n", name);
      return {};
    });
  };
}

} // namespace ebpfnet::cli
