// Who uses a port of the calling thread's network namespace, asked through NETLINK_SOCK_DIAG;
// answers the question behind "port 8000/tcp is taken by nginx (pid 123)".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet::netlink {

struct SocketOwner {
  std::string protocol;    // "tcp" or "udp"
  IpAddress address;       // what the socket is bound to
  std::uint16_t port = 0;  // host order
  std::uint64_t inode = 0; // as in "socket:[inode]" of /proc/PID/fd
  int pid = 0;             // 0 when no process of this PID namespace holds the socket
  std::string process;     // "nginx (pid 123)"; empty without pid
};

// The first listening TCP or bound UDP socket with a port in first..last whose address clashes with
// `address`: "::" is any address of both families, or with `v6_only` any IPv6 address, 0.0.0.0 any
// IPv4 address. A dual-stack socket on "::" clashes with IPv4 too. Errors: invalid for another
// protocol or an empty range; unsupported when the kernel lacks inet_diag.
Result<std::optional<SocketOwner>> find_listener(std::string_view protocol, std::uint16_t first,
                                                 std::uint16_t last, const IpAddress& address,
                                                 bool v6_only = false);

// Whether a socket bound to `bound` (with IPV6_V6ONLY or not) and one that wants `wanted` (the
// same) meet on the same port.
bool addresses_clash(const IpAddress& bound, bool v6_only, const IpAddress& wanted,
                     bool wanted_v6_only = false);

} // namespace ebpfnet::netlink
