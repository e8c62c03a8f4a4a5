#include "daemon/network/verify.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/network/bridge/records.hpp"
#include "daemon/network/gateway.hpp"
#include "daemon/network/sandbox_network.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network {
namespace {

using Problems = std::vector<std::string>;

// What should be there, copied from the registry: looking at the kernel takes long.
struct Bridge {
  std::string what; // "bridge ebn... of network 'catnet'"
  IfIndex device;
  std::string alias;
  std::vector<IpAddress> gateways;
};

struct Veth {
  std::string what; // "device eth0 of sandbox 'web'"
  IfIndex device;
  std::string alias;
  IfIndex bridge;
  Mac mac;
  NetworkIndex network;
  IpAddress ipv4; // "::": none
  IpAddress ipv6;
  std::vector<ebn_dest_key> keys;      // by which it is found
  std::vector<IpAddress> seen_by_host; // in place of its own
};

struct Inside {
  std::string sandbox;
  std::filesystem::path file;
  std::vector<std::pair<std::string, IpAddress>> addresses; // by device
  std::vector<IpAddress> gateways;                          // of the default routes
  bool dns = false;
};

struct Wanted {
  std::vector<Bridge> bridges;
  std::vector<Veth> veths;
  std::vector<Inside> namespaces;
};

// What the host's namespace has.
struct Found {
  std::map<IfIndex, netlink::LinkInfo> links;
  std::vector<netlink::AddressInfo> addresses;
  std::vector<netlink::RouteInfo> routes;
  std::set<std::pair<IfIndex, Mac>> fdb; // static entries by port
};

Bridge wanted_bridge(const Context& context, const Network& network) {
  Bridge out{fmt::format("bridge {} of network '{}'", network.bridge, network.name),
             bridge::bridge_ifindex(network.index),
             context.device_alias("network", network.id),
             {}};
  for (const auto& subnet : network.plan.subnets) {
    if (subnet.gateway) {
      out.gateways.push_back(*subnet.gateway);
    }
  }
  return out;
}

Veth wanted_veth(const Context& context, const Sandbox& sandbox, const Attachment& attachment) {
  const auto& [endpoint, network] = attachment;
  return {fmt::format("device {} of sandbox '{}'", endpoint->ifname, sandbox.name),
          bridge::veth_ifindex(endpoint->slot),
          context.device_alias("endpoint", endpoint->id),
          bridge::bridge_ifindex(network->index),
          endpoint->mac,
          network->index,
          endpoint->ipv4,
          endpoint->ipv6,
          bridge::destination_keys(*network, *endpoint),
          bridge::host_addresses(*network, *endpoint)};
}

void want_sandbox(const Context& context, const Sandbox& sandbox, Wanted& out) {
  if (!sandbox.ready || sandbox.removing || !owns_namespace(sandbox)) {
    return;
  }
  Inside inside{sandbox.name, context.netns_path(sandbox.id), {}, {}, false};
  std::vector<Attachment> attachments;
  for (const auto& endpoint : sandbox.endpoints) {
    const auto network = context.registry.network(endpoint->network_id);
    if (!endpoint->connected || !network) {
      continue;
    }
    attachments.push_back({endpoint, network});
    out.veths.push_back(wanted_veth(context, sandbox, attachments.back()));
    for (const auto& plan : network->plan.subnets) {
      inside.addresses.emplace_back(endpoint->ifname, endpoint->address(plan.family()));
    }
    inside.dns = inside.dns || !network->predefined;
  }
  for (const Family family : kFamilies) {
    if (const auto gateway = choose_gateway(attachments, family); gateway.endpoint) {
      inside.gateways.push_back(gateway_address(*gateway.network, family));
    }
  }
  out.namespaces.push_back(std::move(inside));
}

Wanted look_up(const Context& context) {
  Wanted out;
  const auto lock = context.registry.lock();
  for (const auto& [id, network] : context.registry.networks) {
    if (!network->bridge.empty() && !network->removing) {
      out.bridges.push_back(wanted_bridge(context, *network));
    }
  }
  for (const auto& [id, sandbox] : context.registry.sandboxes) {
    want_sandbox(context, *sandbox, out);
  }
  return out;
}

Result<Found> look_around() {
  auto socket = TRY(netlink::Socket::open());
  Found out;
  for (auto& link : TRY(netlink::list_links(socket))) {
    out.links.emplace(link.index, std::move(link));
  }
  out.addresses = TRY(netlink::list_addresses(socket));
  out.routes = TRY(netlink::list_routes(socket));
  for (const auto& entry : TRY(netlink::list_fdb(socket))) {
    if (entry.is_static) {
      out.fdb.emplace(entry.port, entry.mac);
    }
  }
  return out;
}

bool has_address(const std::vector<netlink::AddressInfo>& addresses, IfIndex device,
                 const IpAddress& address) {
  return std::ranges::any_of(
      addresses, [&](const auto& a) { return a.index == device && a.address == address; });
}

// Nullptr: it is missing, and that is noted.
const netlink::LinkInfo* check_link(const Found& found, IfIndex device, const std::string& what,
                                    const std::string& alias, Problems& problems) {
  const auto link = found.links.find(device);
  if (link == found.links.end()) {
    problems.push_back(what + " is missing");
    return nullptr;
  }
  if (link->second.alias != alias) {
    problems.push_back(what + " belongs to somebody else");
  } else if (!link->second.up) {
    problems.push_back(what + " is down");
  }
  return &link->second;
}

void check_bridge(const Found& found, const Bridge& wanted, Problems& problems) {
  if (check_link(found, wanted.device, wanted.what, wanted.alias, problems) == nullptr) {
    return;
  }
  for (const IpAddress& gateway : wanted.gateways) {
    if (!has_address(found.addresses, wanted.device, gateway)) {
      problems.push_back(fmt::format("{} lacks its address {}", wanted.what, gateway.to_string()));
    }
  }
}

// The records by which the programs know the endpoint.
Result<void> check_records(Context& context, const Veth& wanted, Problems& problems) {
  const auto& maps = context.plane.maps();
  const std::uint32_t slot = wanted.device.value - EBN_VETH_IFINDEX_BASE;
  const auto record = TRY(maps.endpoints.get(slot));
  if (!record || record->network != wanted.network.value ||
      view::from_abi(record->addr4) != wanted.ipv4 ||
      view::from_abi(record->addr6) != wanted.ipv6) {
    problems.push_back(wanted.what + " has no record in the map of endpoints");
  }
  for (const ebn_dest_key& key : wanted.keys) {
    const auto way = TRY(maps.destinations.get(key));
    if (!way || way->slot != slot) {
      problems.push_back(fmt::format("{} has no record in the map of destinations by {}",
                                     wanted.what, view::from_abi(key.addr).to_string()));
    }
  }
  return {};
}

Result<void> check_veth(Context& context, const Found& found, const Veth& wanted,
                        Problems& problems) {
  const auto* link = check_link(found, wanted.device, wanted.what, wanted.alias, problems);
  if (link == nullptr) {
    return {};
  }
  if (link->master != wanted.bridge) {
    problems.push_back(wanted.what + " is not in its network's bridge");
  }
  if (!found.fdb.contains({wanted.device, wanted.mac})) {
    problems.push_back(fmt::format("{}: the bridge does not know its address {}", wanted.what,
                                   wanted.mac.to_string()));
  }
  for (const IpAddress& seen_by_host : wanted.seen_by_host) {
    const bool routed = std::ranges::any_of(found.routes, [&](const auto& route) {
      return route.device == wanted.bridge && route.destination->size() == 1 &&
             route.destination->address() == seen_by_host;
    });
    if (!routed) {
      problems.push_back(fmt::format("{}: the host's route to {} is missing", wanted.what,
                                     seen_by_host.to_string()));
    }
  }
  if (!TRY(context.plane.serves_container(wanted.device))) {
    problems.push_back(wanted.what + " has no program");
  }
  return check_records(context, wanted, problems);
}

// In the sandbox's namespace.
Result<void> check_inside(loader::DataPlane& plane, const Inside& wanted, Problems& problems) {
  auto socket = TRY(netlink::Socket::open());
  const auto addresses = TRY(netlink::list_addresses(socket));
  for (const auto& [device, address] : wanted.addresses) {
    const auto link = TRY(netlink::find_link(socket, device));
    if (!link || !link->up) {
      problems.push_back(fmt::format("device {} in sandbox '{}' is {}", device, wanted.sandbox,
                                     link ? "down" : "missing"));
    } else if (!has_address(addresses, link->index, address)) {
      problems.push_back(fmt::format("device {} in sandbox '{}' lacks its address {}", device,
                                     wanted.sandbox, address.to_string()));
    }
  }
  const auto routes = TRY(netlink::list_routes(socket));
  for (const IpAddress& gateway : wanted.gateways) {
    const bool routed = std::ranges::any_of(routes, [&](const auto& route) {
      return route.destination->length() == 0 && route.gateway == gateway;
    });
    if (!routed) {
      problems.push_back(fmt::format("sandbox '{}' lacks its default route by {}", wanted.sandbox,
                                     gateway.to_string()));
    }
  }
  if (wanted.dns && !TRY(plane.serves_loopback())) {
    problems.push_back(fmt::format("lo in sandbox '{}' has no program", wanted.sandbox));
  }
  return {};
}

Result<void> check_namespace(Context& context, const Inside& wanted, Problems& problems) {
  const auto netns = netlink::open_netns(wanted.file);
  if (!netns) {
    problems.push_back(
        fmt::format("the network namespace of sandbox '{}' is missing", wanted.sandbox));
    return {};
  }
  return netlink::in_netns(netns->get(),
                           [&] { return check_inside(context.plane, wanted, problems); });
}

} // namespace

Result<std::vector<std::string>> verify_kernel(Context& context, const Publisher& publisher,
                                               const std::vector<UplinkInfo>& uplinks) {
  const Wanted wanted = look_up(context);
  const Found found = TRY(look_around());
  Problems problems;
  for (const Bridge& bridge : wanted.bridges) {
    check_bridge(found, bridge, problems);
  }
  for (const Veth& veth : wanted.veths) {
    TRY_VOID(check_veth(context, found, veth, problems));
  }
  for (const Inside& inside : wanted.namespaces) {
    TRY_VOID(check_namespace(context, inside, problems));
  }
  for (const UplinkInfo& uplink : uplinks) {
    if (uplink.problem.empty() && !TRY(context.plane.serves_uplink(uplink.index))) {
      problems.push_back(fmt::format("uplink {} has no program", uplink.name));
    }
  }
  for (const auto& pin : TRY(context.plane.missing_pins())) {
    problems.push_back(fmt::format("the pin '{}' is missing", pin.string()));
  }
  std::ranges::move(TRY(publisher.problems()), std::back_inserter(problems));
  return problems;
}

} // namespace ebpfnet::network
