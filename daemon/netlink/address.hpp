// IP addresses of interfaces. Adding the same address again succeeds; removing one that is not
// there too.
#pragma once

#include <vector>

#include "daemon/netlink/socket.hpp"
#include "maps/types/id.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet::netlink {

struct AddressInfo {
  IfIndex index;
  IpAddress address;          // the interface's own end
  unsigned prefix_length = 0; // in the family's own bits
  unsigned scope = 0;         // RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST
  bool primary = true;     // not a second address of the same IPv4 subnet, not a temporary IPv6 one
  bool tentative = false;  // IPv6: not usable yet, or found to be a duplicate
  bool deprecated = false; // not for new connections
};

// `no_prefix_route`: the kernel adds no route for the subnet. IPv6 addresses skip duplicate
// detection and are usable at once; IPv4 subnets up to /30 get their broadcast address.
Result<void> add_address(Socket& socket, IfIndex index, const IpAddress& address,
                         unsigned prefix_length, bool no_prefix_route);
Result<void> remove_address(Socket& socket, IfIndex index, const IpAddress& address,
                            unsigned prefix_length);
Result<std::vector<AddressInfo>> list_addresses(Socket& socket);

} // namespace ebpfnet::netlink
