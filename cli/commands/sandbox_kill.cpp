// ebpfnet kill: sends a signal, SIGKILL unless told otherwise.
#include <memory>

#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_kill(Arguments& arguments) {
  auto request = std::make_shared<api::SandboxKill>();
  arguments.add_option("-s,--signal", request->signal, "Name with or without SIG, or number")
      .type_name("SIG");
  return post_to_sandboxes(arguments, "kill", [request] { return api::to_json(*request); });
}

} // namespace ebpfnet::cli
