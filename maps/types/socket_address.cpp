#include "maps/types/socket_address.hpp"

#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <optional>

namespace ebpfnet {
namespace {

std::optional<std::uint16_t> port_from(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

} // namespace

Result<SocketAddress> SocketAddress::from(std::string_view text) {
  const auto malformed = [&] {
    return fail(ErrorCode::invalid,
                "'{}' is not ADDR:PORT, such as 127.0.0.1:9464 or [::1]:9464, with a port of "
                "1..65535",
                text);
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return malformed();
  }
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  const auto ip = IpAddress::from(host);
  const auto port = port_from(text.substr(colon + 1));
  // The text decides, not the address: a mapped IPv4 address is written as IPv6.
  if (!ip || !port || bracketed != host.contains(':')) {
    return malformed();
  }
  return SocketAddress{*ip, *port};
}

std::string SocketAddress::to_string() const {
  return ip.is_v4() ? fmt::format("{}:{}", ip.to_string(), port)
                    : fmt::format("[{}]:{}", ip.to_string(), port);
}

socklen_t SocketAddress::fill(sockaddr_storage& out) const {
  out = {};
  if (ip.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(ip.v4());
    return sizeof in;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, ip.bytes().data(), sizeof in6.sin6_addr);
  return sizeof in6;
}

} // namespace ebpfnet
