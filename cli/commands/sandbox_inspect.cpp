// ebpfnet inspect.
#include "cli/actions.hpp"
#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action sandbox_inspect(Arguments& arguments) {
  return inspect_objects(arguments, "sandboxes");
}

} // namespace ebpfnet::cli
