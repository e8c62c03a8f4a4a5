// What the accept loop and the connections of one HttpServer share. Private to http_server.cpp and
// session.cpp.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <map>
#include <memory>
#include <optional>

#include "daemon/server/http_server.hpp"
#include "daemon/server/unix_listener.hpp"
#include "daemon/server/worker_pool.hpp"

namespace ebpfnet::server {

class Session;

struct ServerState {
  ServerState(boost::asio::io_context& loop, Options opts, Router routes,
              UnixListener unix_listener, std::unique_ptr<WorkerPool> pool);

  Options options;
  Router router;
  UnixListener listener;
  boost::asio::local::stream_protocol::acceptor acceptor;
  std::unique_ptr<WorkerPool> workers;
  std::atomic<bool> stopping{false};
  std::map<Session*, std::function<void()>> sessions; // how to end each one; loop thread only
};

// Serves one connection until it ends.
boost::asio::awaitable<void> serve(boost::asio::local::stream_protocol::socket socket,
                                   std::shared_ptr<ServerState> state);

} // namespace ebpfnet::server
