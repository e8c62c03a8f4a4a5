// ebpfnet publish: opens a port of a running sandbox.
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action sandbox_publish(Arguments& arguments) {
  struct Flags {
    std::vector<std::string> allow_from;
    std::string max_new_conn;
    std::string sandbox;
    std::string spec;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_repeated("--allow-from", flags->allow_from, "").hidden();
  arguments.add_option("--max-new-conn", flags->max_new_conn).hidden();
  arguments.add_option("SANDBOX", flags->sandbox, "Sandbox").required();
  arguments.add_option("PORTSPEC", flags->spec, "[HOSTIP:][HOSTPORT[-END]:]PORT[-END][/tcp|udp]")
      .required();
  return [flags](Context& context) -> Result<int> {
    if (!flags->allow_from.empty() || !flags->max_new_conn.empty()) {
      return fail(ErrorCode::unsupported, "{} is not built yet",
                  flags->allow_from.empty() ? "--max-new-conn" : "--allow-from");
    }
    api::PortSpec spec = TRY(context.typed(api::PortSpec::from(flags->spec)));
    TRY(context.client.post(path_of("sandboxes", flags->sandbox, "publish"), api::to_json(spec)));
    return 0;
  };
}

} // namespace ebpfnet::cli
