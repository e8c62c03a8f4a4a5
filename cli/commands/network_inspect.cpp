// ebpfnet network inspect.
#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action network_inspect(Arguments& arguments) {
  return inspect_objects(arguments, "networks");
}

} // namespace ebpfnet::cli
