// A listening TCP socket in the network namespace of the caller.
#pragma once

#include "daemon/server/listener.hpp"
#include "maps/types/error.hpp"
#include "maps/types/socket_address.hpp"

namespace ebpfnet::server {

class TcpListener final : public Listener {
public:
  // "[::]" serves IPv4 too. From here on connections wait in the backlog. Errors: conflict when the
  // address is in use, invalid when this host does not have it, or else errno.
  static Result<TcpListener> listen(const SocketAddress& address);

private:
  using Listener::Listener;
};

} // namespace ebpfnet::server
