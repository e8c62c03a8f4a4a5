// ebpfnet network create: sends what was typed; ranges and gateways go with the subnet that
// contains them.
#include <fmt/core.h>
#include <memory>

#include "cli/commands/commands.hpp"
#include "cli/output.hpp"
#include "daemon/api/json.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet::cli {
namespace {

struct CreateFlags {
  api::NetworkCreate request;
  std::vector<std::string> subnets;
  std::vector<std::string> ranges;
  std::vector<std::string> gateways;
  std::vector<std::string> aux_addresses;
  std::vector<std::string> options;
  std::vector<std::string> labels;
};

// The configuration whose subnet contains `address`.
Result<api::IpamConfig*> config_for(std::vector<api::IpamConfig>& ipam, std::string_view what,
                                    const IpAddress& address) {
  if (ipam.empty()) {
    return fail(ErrorCode::invalid, "every ip-range or gateway must have a corresponding subnet");
  }
  for (api::IpamConfig& config : ipam) {
    if (TRY(IpPrefix::from(config.subnet)).contains(address)) {
      return &config;
    }
  }
  return fail(ErrorCode::invalid, "no matching subnet for {}", what);
}

Result<void> add_range(std::vector<api::IpamConfig>& ipam, const std::string& range) {
  IpPrefix prefix = TRY(IpPrefix::from(range));
  api::IpamConfig* config = TRY(config_for(ipam, "range " + range, prefix.address()));
  if (!config->ip_range.empty()) {
    return fail(ErrorCode::invalid,
                "cannot configure multiple ranges ({}, {}) on the same subnet ({})", range,
                config->ip_range, config->subnet);
  }
  config->ip_range = range;
  return {};
}

Result<void> add_gateway(std::vector<api::IpamConfig>& ipam, const std::string& gateway) {
  IpAddress address = TRY(IpAddress::from(gateway));
  api::IpamConfig* config = TRY(config_for(ipam, "gateway " + gateway, address));
  if (!config->gateway.empty()) {
    return fail(ErrorCode::invalid,
                "cannot configure multiple gateways ({}, {}) on the same subnet ({})", gateway,
                config->gateway, config->subnet);
  }
  config->gateway = gateway;
  return {};
}

Result<void> set_ipam(Context& context, const CreateFlags& flags,
                      std::vector<api::IpamConfig>& ipam) {
  for (const std::string& subnet : flags.subnets) {
    ipam.push_back({.subnet = subnet});
  }
  for (const std::string& range : flags.ranges) {
    TRY_VOID(add_range(ipam, range));
  }
  for (const std::string& gateway : flags.gateways) {
    TRY_VOID(add_gateway(ipam, gateway));
  }
  auto aux_addresses = TRY(parse_pairs(context, "--aux-address", flags.aux_addresses));
  for (const auto& [name, text] : aux_addresses) {
    IpAddress address = TRY(IpAddress::from(text));
    api::IpamConfig* config = TRY(config_for(ipam, "aux-address " + text, address));
    config->aux_addresses[name] = text;
  }
  return {};
}

Result<int> create(Context& context, const CreateFlags& flags) {
  api::NetworkCreate request = flags.request;
  TRY_VOID(set_ipam(context, flags, request.ipam));
  request.options = TRY(parse_pairs(context, "--opt", flags.options));
  request.labels = TRY(parse_pairs(context, "--label", flags.labels));
  nlohmann::json reply = TRY(context.client.post("/v1/networks", api::to_json(request)));
  fmt::print("{}\n", text_at(reply, "Id"));
  return 0;
}

} // namespace

Action network_create(Arguments& arguments) {
  auto flags = std::make_shared<CreateFlags>();
  arguments.add_option("-d,--driver", flags->request.driver, "bridge, which is also the default")
      .type_name("DRIVER");
  arguments
      .add_repeated("--subnet", flags->subnets,
                    "Subnet; without one it comes from the default pools")
      .type_name("CIDR");
  arguments
      .add_repeated("--ip-range", flags->ranges, "Part of a subnet for addresses chosen by itself")
      .type_name("CIDR");
  arguments.add_repeated("--gateway", flags->gateways, "Address of the gateway in a subnet")
      .type_name("IP");
  arguments.add_repeated("--aux-address", flags->aux_addresses, "Address never to be given out")
      .type_name("NAME=IP");
  arguments.add_flag("--internal", flags->request.internal,
                     "No way out of the network, and none in");
  arguments.add_flag("--ipv4", flags->request.enable_ipv4, "IPv4, which --ipv4=false leaves out");
  arguments.add_flag("--ipv6", flags->request.enable_ipv6, "IPv6 too");
  arguments.add_flag("--attachable", flags->request.attachable,
                     "Noted for network inspect; any network can be joined");
  arguments.add_repeated("-o,--opt", flags->options, "Option of the driver").type_name("KEY=VALUE");
  arguments.add_repeated("--label", flags->labels, "Label of the network").type_name("K=V");
  arguments.add_option("NAME", flags->request.name, "Name of the network").required();
  return [flags](Context& context) { return create(context, *flags); };
}

} // namespace ebpfnet::cli
