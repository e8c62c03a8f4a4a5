// ebpfnet start: runs the command of a sandbox again.
#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_start(Arguments& arguments) {
  return post_to_sandboxes(arguments, "start", [] { return api::to_json(api::SandboxStart{}); });
}

} // namespace ebpfnet::cli
