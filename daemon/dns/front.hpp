// The client side of one sandbox: its UDP socket, its TCP listener and connections, and the way of
// each query through resolver and forwarder. Lives on the server's strand; whoever works for it
// keeps it alive.
#pragma once

#include <mutex>
#include <set>

#include "daemon/dns/context.hpp"
#include "daemon/dns/forwarder.hpp"

namespace ebpfnet::dns {

class Connection;

class Front : public std::enable_shared_from_this<Front> {
public:
  // Takes the sockets over. Refuses descriptors of the wrong kind. May run on any thread; nothing
  // else may.
  static Result<std::shared_ptr<Front>> create(std::shared_ptr<Context> context,
                                               SandboxDns sandbox);

  void start();
  void update(SandboxView fresh); // from any thread
  void stop();

private:
  friend class Connection;
  using Reply = std::function<void(Wire)>;

  Front(std::shared_ptr<Context> context, SandboxDns& sandbox);

  static asio::awaitable<void> serve_udp(std::shared_ptr<Front> self);
  static asio::awaitable<void> serve_tcp(std::shared_ptr<Front> self);
  static asio::awaitable<void> serve_forward(std::shared_ptr<Front> self, Query query,
                                             ForwardJob job, Reply reply);
  std::shared_ptr<const SandboxView> view();
  void receive_waiting();
  void send(const Wire& wire, const asio::ip::udp::endpoint& client);
  // Calls `reply` once, now or later, unless the query must be dropped (false) or the sandbox is
  // gone by then.
  bool handle(WireView wire, Transport transport, Reply reply);

  std::shared_ptr<Context> context_;
  std::string id_;
  std::mutex view_mutex_;
  std::shared_ptr<const SandboxView> view_; // under view_mutex_
  OpenSocket open_socket_inside_;
  asio::ip::udp::socket udp_;
  asio::ip::tcp::acceptor tcp_;
  std::set<Connection*> connections_; // each lives as long as its coroutines
  Flights flights_;
};

} // namespace ebpfnet::dns
