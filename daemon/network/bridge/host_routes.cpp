#include "daemon/network/bridge/host_routes.hpp"

#include <set>

#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/network/bridge/records.hpp"

namespace ebpfnet::network::bridge {
namespace {

netlink::RouteSpec route_to(const IpAddress& seen_by_host, IfIndex bridge) {
  netlink::RouteSpec route;
  route.destination = IpPrefix::of(seen_by_host, seen_by_host.is_v4() ? 32 : 128);
  route.device = bridge;
  return route;
}

// (bridge, address) of every endpoint that has one.
std::set<std::pair<IfIndex, IpAddress>> wanted_routes(const Registry& registry) {
  std::set<std::pair<IfIndex, IpAddress>> out;
  const auto lock = registry.lock();
  for (const auto& [id, network] : registry.networks) {
    for (const auto& endpoint : registry.endpoints_of(id)) {
      for (const IpAddress& seen_by_host : host_addresses(*network, *endpoint)) {
        out.emplace(bridge_ifindex(network->index), seen_by_host);
      }
    }
  }
  return out;
}

bool is_host_route(const netlink::RouteInfo& route) {
  const IpPrefix block = host_address_block(ipam::family_of(route.destination->address()));
  return is_own_ifindex(route.device) && route.destination->size() == 1 &&
         block.contains(*route.destination);
}

// The route goes last: by it a sweep finds the two.
Result<void> remove_host_route(netlink::Socket& socket, IfIndex bridge,
                               const IpAddress& seen_by_host) {
  TRY_VOID(netlink::remove_neighbour(socket, bridge, seen_by_host));
  return netlink::remove_route(socket, route_to(seen_by_host, bridge));
}

} // namespace

Result<void> add_host_routes(netlink::Socket& socket, const Network& network,
                             const Endpoint& endpoint) {
  const IfIndex bridge = bridge_ifindex(network.index);
  for (const IpAddress& seen_by_host : host_addresses(network, endpoint)) {
    TRY_VOID(netlink::add_route(socket, route_to(seen_by_host, bridge)));
    TRY_VOID(netlink::add_neighbour(socket, bridge, seen_by_host, endpoint.mac));
  }
  return {};
}

Result<void> remove_host_routes(netlink::Socket& socket, const Network& network,
                                const Endpoint& endpoint) {
  for (const IpAddress& seen_by_host : host_addresses(network, endpoint)) {
    TRY_VOID(remove_host_route(socket, bridge_ifindex(network.index), seen_by_host));
  }
  return {};
}

Result<void> sweep_host_routes(Context& context) {
  auto socket = TRY(netlink::Socket::open());
  const auto wanted = wanted_routes(context.registry);
  for (const auto& route : TRY(netlink::list_routes(socket))) {
    const IpAddress& to = route.destination->address();
    if (is_host_route(route) && !wanted.contains({route.device, to})) {
      TRY_VOID(remove_host_route(socket, route.device, to));
    }
  }
  return {};
}

} // namespace ebpfnet::network::bridge
