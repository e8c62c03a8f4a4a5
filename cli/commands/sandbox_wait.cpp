// ebpfnet wait: prints the exit code of each sandbox once it has ended.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"

namespace ebpfnet::cli {

Action sandbox_wait(Arguments& arguments) {
  auto names = std::make_shared<std::vector<std::string>>();
  arguments.add_option("SANDBOX", *names, "Names or ids").required();
  return [names](Context& context) {
    return for_each(context, *names, [&](const std::string& name) -> Result<void> {
      nlohmann::json reply =
          TRY(context.client.post(path_of("sandboxes", name, "wait"), nlohmann::json::object()));
      fmt::print("{}\n", text_at(reply, "StatusCode"));
      std::fflush(stdout);
      return {};
    });
  };
}

} // namespace ebpfnet::cli
