// How the host's stack reaches the endpoints of an overlapping network: a route to the address by
// which it knows the endpoint, and the neighbour entry that saves it from asking.
#pragma once

#include "daemon/netlink/socket.hpp"
#include "daemon/network/context.hpp"

namespace ebpfnet::network::bridge {

// To every address by which the host knows the endpoint.
Result<void> add_host_routes(netlink::Socket& socket, const Network& network,
                             const Endpoint& endpoint);
// As far as they are there.
Result<void> remove_host_routes(netlink::Socket& socket, const Network& network,
                                const Endpoint& endpoint);
// Removes those of endpoints that the registry does not know.
Result<void> sweep_host_routes(Context& context);

} // namespace ebpfnet::network::bridge
