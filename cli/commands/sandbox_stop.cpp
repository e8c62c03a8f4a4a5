// ebpfnet stop: SIGTERM, and SIGKILL after a while.
#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action sandbox_stop(Arguments& arguments) {
  return stop_sandboxes(arguments, "stop");
}

} // namespace ebpfnet::cli
