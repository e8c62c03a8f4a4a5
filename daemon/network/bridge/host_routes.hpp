// How the host's stack reaches the endpoints of an overlapping network: a route to the address by
// which it knows the endpoint, and the neighbour entry that saves it from asking.
#pragma once

#include "daemon/netlink/socket.hpp"
#include "daemon/network/context.hpp"

namespace ebpfnet::network::bridge {

Result<void> add_host_route(netlink::Socket& socket, const Network& network,
                            const Endpoint& endpoint);
// As far as they are there.
Result<void> remove_host_route(netlink::Socket& socket, IfIndex bridge,
                               const IpAddress& seen_by_host);
// Removes those of endpoints that the registry does not know.
Result<void> sweep_host_routes(Context& context);

} // namespace ebpfnet::network::bridge
