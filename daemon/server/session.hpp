// What the accept loop and the connections of one HttpServer share. Private to http_server.cpp and
// session.cpp.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <map>
#include <memory>
#include <optional>

#include "daemon/server/http_server.hpp"
#include "daemon/server/worker_pool.hpp"

namespace ebpfnet::server {

class Session;

struct ServerState {
  // `family` of the listener, AF_*.
  ServerState(boost::asio::io_context& loop, Options opts, Router routes, int family,
              std::unique_ptr<Listener> listening, std::unique_ptr<WorkerPool> pool);

  Options options;
  Router router;
  std::unique_ptr<Listener> listener;
  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor;
  std::unique_ptr<WorkerPool> workers;
  std::atomic<bool> stopping{false};
  std::map<Session*, std::function<void()>> sessions; // how to end each one; loop thread only
};

// Serves one connection until it ends.
boost::asio::awaitable<void> serve(boost::asio::generic::stream_protocol::socket socket,
                                   std::shared_ptr<ServerState> state);

} // namespace ebpfnet::server
