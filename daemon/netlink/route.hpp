// Routes of both families. Adding replaces a route of the same destination and metric; removing
// accepts that it is gone.
#pragma once

#include <linux/rtnetlink.h>

#include <optional>
#include <vector>

#include "daemon/netlink/socket.hpp"
#include "maps/types/id.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet::netlink {

struct RouteInfo {
  std::optional<IpPrefix> destination; // always set by list_routes; the default route has length 0
  IfIndex device;                      // 0 for blackhole and the like
  IpAddress gateway;                   // "::" when there is none
  unsigned metric = 0;
  unsigned type = 0;  // RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_BLACKHOLE, ...
  unsigned scope = 0; // RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST
  unsigned protocol = 0;
};

struct RouteSpec {
  IpPrefix destination; // length 0: default route
  IpAddress gateway;    // unspecified: none, the destination is on the link
  IfIndex device;
  bool onlink = false; // take the gateway as reachable though no route says so
  IpAddress source;    // preferred source address; unspecified: the kernel's choice
  unsigned metric = 0; // 0: the kernel's default
};

// In the main table. Errors: ENODEV, ENETUNREACH when the gateway is not reachable (and not
// `onlink`), ENETDOWN.
Result<void> add_route(Socket& socket, const RouteSpec& spec);
// Matches destination, and those of gateway, device and metric that are given.
Result<void> remove_route(Socket& socket, const RouteSpec& spec);
// Both families; a multipath route gives one entry per next hop. The kernel chooses by the table
// (Linux 4.20), so that what IPv6 keeps of every device in the local table costs nothing.
Result<std::vector<RouteInfo>> list_routes(Socket& socket, unsigned table = RT_TABLE_MAIN);

} // namespace ebpfnet::netlink
