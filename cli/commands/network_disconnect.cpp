// ebpfnet network disconnect.
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action network_disconnect(Arguments& arguments) {
  struct Flags {
    std::string network;
    api::NetworkDisconnect request;
  };
  auto flags = std::make_shared<Flags>();
  arguments.add_flag("-f,--force", flags->request.force,
                     "Also when the sandbox cannot be entered any more");
  arguments.add_option("NET", flags->network, "Network").required();
  arguments.add_option("SANDBOX", flags->request.sandbox, "Sandbox").required();
  return [flags](Context& context) -> Result<int> {
    TRY(context.client.post(path_of("networks", flags->network, "disconnect"),
                            api::to_json(flags->request)));
    return 0;
  };
}

} // namespace ebpfnet::cli
