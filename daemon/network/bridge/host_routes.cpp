#include "daemon/network/bridge/host_routes.hpp"

#include <set>

#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/network/bridge/records.hpp"

namespace ebpfnet::network::bridge {
namespace {

netlink::RouteSpec route_to(const IpAddress& seen_by_host, IfIndex bridge) {
  netlink::RouteSpec route;
  route.destination = IpPrefix::of(seen_by_host, 32);
  route.device = bridge;
  return route;
}

// (bridge, address) of every endpoint that has one.
std::set<std::pair<IfIndex, IpAddress>> wanted_routes(const Registry& registry) {
  std::set<std::pair<IfIndex, IpAddress>> out;
  const auto lock = registry.lock();
  for (const auto& [id, network] : registry.networks) {
    if (network->overlapping) {
      for (const auto& endpoint : registry.endpoints_of(id)) {
        out.emplace(bridge_ifindex(network->index), host_address(endpoint->slot));
      }
    }
  }
  return out;
}

} // namespace

Result<void> add_host_route(netlink::Socket& socket, const Network& network,
                            const Endpoint& endpoint) {
  const IpAddress seen = host_address(endpoint.slot);
  const IfIndex bridge = bridge_ifindex(network.index);
  TRY_VOID(netlink::add_route(socket, route_to(seen, bridge)));
  return netlink::add_neighbour(socket, bridge, seen, endpoint.mac);
}

// The route goes last: by it a sweep finds the two.
Result<void> remove_host_route(netlink::Socket& socket, IfIndex bridge,
                               const IpAddress& seen_by_host) {
  TRY_VOID(netlink::remove_neighbour(socket, bridge, seen_by_host));
  return netlink::remove_route(socket, route_to(seen_by_host, bridge));
}

Result<void> sweep_host_routes(Context& context) {
  auto socket = TRY(netlink::Socket::open());
  const auto wanted = wanted_routes(context.registry);
  for (const auto& route : TRY(netlink::list_routes(socket))) {
    const IpPrefix& to = *route.destination;
    const bool host_route = to.is_v4() && to.length() == 32 && is_own_ifindex(route.device) &&
                            host_address_block().contains(to.address());
    if (host_route && !wanted.contains({route.device, to.address()})) {
      TRY_VOID(remove_host_route(socket, route.device, to.address()));
    }
  }
  return {};
}

} // namespace ebpfnet::network::bridge
