// ebpfnet kill: sends a signal, SIGKILL unless told otherwise.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_kill(CLI::App& app) {
  struct Flags {
    api::SandboxKill request;
    std::vector<std::string> names;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("-s,--signal", flags->request.signal, "Name with or without SIG, or number")
      ->type_name("SIG");
  app.add_option("SANDBOX", flags->names, "Names or ids")->required();
  return [flags](Context& context) {
    return for_each(context, flags->names, [&](const std::string& name) -> Result<void> {
      TRY(context.client.post(path_of("sandboxes", name, "kill"), api::to_json(flags->request)));
      fmt::print("{}\n", name);
      return {};
    });
  };
}

} // namespace ebpfnet::cli
