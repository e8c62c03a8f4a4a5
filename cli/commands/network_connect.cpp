// ebpfnet network connect.
#include <memory>

#include "cli/commands/commands.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {

Action network_connect(Arguments& arguments) {
  struct Flags {
    std::string network;
    api::NetworkConnect request;
  };
  auto flags = std::make_shared<Flags>();
  api::EndpointConfig& endpoint = flags->request.endpoint;
  arguments.add_option("--ip", endpoint.ipv4, "IPv4 address; chosen without it").type_name("IP");
  arguments.add_option("--ip6", endpoint.ipv6, "IPv6 address; chosen without it").type_name("IP");
  arguments.add_repeated("--alias", endpoint.aliases, "Further name on this network")
      .type_name("NAME");
  arguments.add_option("--mac-address", endpoint.mac, "MAC address; derived without it")
      .type_name("MAC");
  arguments.add_option("--gw-priority", endpoint.gw_priority, "The highest gives the default route")
      .type_name("N");
  arguments.add_option("NET", flags->network, "Network").required();
  arguments.add_option("SANDBOX", flags->request.sandbox, "Sandbox").required();
  return [flags](Context& context) -> Result<int> {
    TRY(context.client.post(path_of("networks", flags->network, "connect"),
                            api::to_json(flags->request)));
    return 0;
  };
}

} // namespace ebpfnet::cli
