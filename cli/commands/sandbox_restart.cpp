// ebpfnet restart: stop and start.
#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action sandbox_restart(Arguments& arguments) {
  return stop_sandboxes(arguments, "restart");
}

} // namespace ebpfnet::cli
