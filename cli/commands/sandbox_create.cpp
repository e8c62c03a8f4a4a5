// ebpfnet sandbox create: a sandbox without a process, or one made of an existing namespace.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"
#include "cli/sandbox_flags.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_create(Arguments& arguments) {
  auto flags = std::make_shared<SandboxFlags>();
  add_sandbox_flags(arguments, *flags);
  arguments.add_option("--netns", flags->rest.netns_path, "Adopt this network namespace")
      .type_name("PATH");
  arguments.add_option("NAME", flags->rest.name, "Name of the sandbox").required();
  return [flags](Context& context) -> Result<int> {
    api::SandboxCreate request = TRY(to_request(context, *flags));
    nlohmann::json reply = TRY(context.client.post("/v1/sandboxes", api::to_json(request)));
    fmt::print("{}\n", text_at(reply, "Id"));
    return 0;
  };
}

} // namespace ebpfnet::cli
