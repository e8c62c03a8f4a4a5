// ebpfnet unpublish: closes a published port of a sandbox.
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_unpublish(Arguments& arguments) {
  struct Flags {
    std::string sandbox;
    std::string spec;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_option("SANDBOX", flags->sandbox, "Sandbox").required();
  arguments.add_option("PORTSPEC", flags->spec, "As it was published").required();
  return [flags](Context& context) -> Result<int> {
    api::PortSpec spec = TRY(context.typed(api::PortSpec::from(flags->spec)));
    TRY(context.client.post(path_of("sandboxes", flags->sandbox, "unpublish"), api::to_json(spec)));
    return 0;
  };
}

} // namespace ebpfnet::cli
