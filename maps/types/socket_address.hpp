// Where a server listens: one address of the host, or all, and a port. Text form "192.0.2.1:9464",
// "[2001:db8::1]:9464"; "0.0.0.0:9464" is every IPv4 address, "[::]:9464" every address.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet {

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0; // host order

  // Refuses names, a missing or zero port, IPv6 without brackets and IPv4 in brackets.
  static Result<SocketAddress> from(std::string_view text);
  std::string to_string() const;
  // AF_INET for IPv4, else AF_INET6; returns the length of what was written to `out`.
  socklen_t fill(sockaddr_storage& out) const;

  auto operator<=>(const SocketAddress&) const = default;
};

} // namespace ebpfnet
