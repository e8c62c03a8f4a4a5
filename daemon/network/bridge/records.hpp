// What the data plane must know of a bridge network and its endpoints: filling and clearing map
// entries.
#pragma once

#include "daemon/network/context.hpp"

namespace ebpfnet::network::bridge {

// The address that the host's stack sees for an endpoint of an overlapping network: unique on this
// host, from a reserved block, 198.18.0.0 + slot or 2001:2:: + slot (RFC 2544 keeps 198.18.0.0/15
// out of the Internet, RFC 5180 2001:2::/48).
IpAddress host_address(Family family, Slot slot);
// All such addresses of a family: no network can have them as its own.
IpPrefix host_address_block(Family family);
// Those of one endpoint: of the families whose subnet overlaps.
std::vector<IpAddress> host_addresses(const Network& network, const Endpoint& endpoint);

IfIndex bridge_ifindex(NetworkIndex index);
IfIndex veth_ifindex(Slot slot);
// Whether a number is of the ranges from which devices of networks and endpoints get theirs. The
// alias comes after the device: one of these without an alias was left half made.
bool is_own_ifindex(IfIndex index);

// The keys by which packets find the endpoint: its addresses, its link-local one on an IPv6
// network, and those by which the host knows it.
std::vector<ebn_dest_key> destination_keys(const Network& network, const Endpoint& endpoint);

Result<void> put_network(Context& context, const Network& network);
Result<void> remove_network(Context& context, const Network& network);
// `serves_neighbours`: the endpoint has published ports, so its packets to neighbours may be
// replies of such flows.
Result<void> put_endpoint(Context& context, const Network& network, const Sandbox& sandbox,
                          const Endpoint& endpoint, bool serves_neighbours);
// Neighbours and the host no longer find the endpoint; what it sends itself is still known as its
// own.
Result<void> remove_destinations(Context& context, const Network& network,
                                 const Endpoint& endpoint);
Result<void> remove_endpoint(Context& context, const Endpoint& endpoint);

} // namespace ebpfnet::network::bridge
