// Sockets of the load generator: never blocking, IPv4.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include "tests/support/load/loop.hpp"

namespace ebpfnet::load {

inline sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  must(::inet_pton(AF_INET, text.c_str(), &out.sin_addr) == 1, "parse the address");
  return out;
}

inline UniqueFd open_socket(int type) {
  UniqueFd out(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  must(static_cast<bool>(out), "open a socket");
  const int on = 1;
  // Room for seconds of traffic: a receiver that is not scheduled must not look like a lossy
  // network.
  const int bytes = 8 << 20;
  if (type == SOCK_STREAM) {
    ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  } else {
    must(::setsockopt(out.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0 &&
             ::setsockopt(out.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0,
         "make the buffers of a UDP socket large (CAP_NET_ADMIN)");
  }
  return out;
}

// Begins to connect; for UDP that is all.
inline UniqueFd connect_to(int type, const sockaddr_in& to) {
  UniqueFd out = open_socket(type);
  const int done = ::connect(out.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  must(done == 0 || errno == EINPROGRESS, "connect");
  return out;
}

inline UniqueFd bound_to(int type, std::uint16_t port) {
  UniqueFd out = open_socket(type);
  const int on = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in any = address_of("0.0.0.0", port);
  must(::bind(out.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0, "bind");
  return out;
}

inline bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

} // namespace ebpfnet::load
