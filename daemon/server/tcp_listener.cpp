#include "daemon/server/tcp_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace ebpfnet::server {
namespace {

Failure refused(int error, const SocketAddress& address) {
  Failure failure = fail_errno(error, "listen on {}", address.to_string());
  if (error == EADDRINUSE) {
    failure.error().code = ErrorCode::conflict;
    failure.error().hint = "another process, or a published port, has it: choose another port";
  } else if (error == EADDRNOTAVAIL) {
    failure.error().code = ErrorCode::invalid;
    failure.error().hint = "choose an address of this host, or 0.0.0.0 or [::] for all";
  }
  return failure;
}

Result<void> set_flag(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) {
    return fail_errno(errno, "set a socket option");
  }
  return {};
}

} // namespace

Result<TcpListener> TcpListener::listen(const SocketAddress& address) {
  sockaddr_storage name{};
  const socklen_t length = address.fill(name);
  UniqueFd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return refused(errno, address);
  }
  // A daemon that starts again must not wait for the connections of its former life.
  TRY_VOID(set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1));
  if (name.ss_family == AF_INET6) {
    TRY_VOID(set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.ip.is_unspecified() ? 0 : 1));
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    return refused(errno, address);
  }
  return TcpListener(std::move(fd));
}

} // namespace ebpfnet::server
