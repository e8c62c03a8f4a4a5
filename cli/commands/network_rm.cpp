// ebpfnet network rm: prints the name of each network that it removed.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {

Action network_rm(Arguments& arguments) {
  auto names = std::make_shared<std::vector<std::string>>();
  arguments.add_option("NET", *names, "Names or ids").required();
  return [names](Context& context) {
    return for_each(context, *names, [&](const std::string& name) -> Result<void> {
      TRY(context.client.remove(path_of("networks", name)));
      fmt::print("{}\n", name);
      return {};
    });
  };
}

} // namespace ebpfnet::cli
