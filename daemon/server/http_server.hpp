// HTTP/1.1 on a unix or TCP socket. Connections live on the event loop; each request's handler runs
// on a thread of its own, so that hung requests delay nobody. The HTTP library stays behind this
// header.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "daemon/server/listener.hpp"
#include "daemon/server/router.hpp"
#include "maps/types/error.hpp"

namespace boost::asio {
class io_context;
}

namespace ebpfnet::server {

struct Limits {
  std::size_t header_bytes = 16 * 1024;           // beyond: 431
  std::size_t body_bytes = 1024 * 1024;           // beyond: 413
  std::chrono::milliseconds read_timeout{30'000}; // for one whole request, and for taking its reply
  std::chrono::milliseconds idle_timeout{60'000}; // between requests
  std::size_t connections = 1024;                 // beyond: 503 at once
  std::size_t threads = 512;                      // requests in flight; beyond: they queue
};

// A request as it was answered.
struct Exchange {
  std::string_view method;
  std::string_view route; // the pattern of its row; empty: none, or no request that could be read
  int status = 0;
  std::chrono::steady_clock::duration took{}; // by the handler
};

struct Options {
  std::string name = "api";                                     // in the log: "event=api_request"
  std::string hint = "the client may be newer than the daemon"; // with 404
  Limits limits;
  std::function<void(const Exchange&)> observe = {}; // after each request, on the loop's thread
};

struct ServerState;

class HttpServer {
public:
  // Serves once `loop` runs, on one thread. Create, stop and destroy on the loop's thread or while
  // the loop does not run, and destroy before the loop.
  static Result<std::unique_ptr<HttpServer>> serve(boost::asio::io_context& loop,
                                                   std::unique_ptr<Listener> listener,
                                                   Options options, Router router);
  // Stops and waits for handlers that still run; they learn it from Request::alive and
  // Stream::write.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Takes no more connections, ends the present ones and withdraws the listener. Handlers in flight
  // run on, their replies are lost.
  void stop();

private:
  explicit HttpServer(std::shared_ptr<ServerState> state);
  std::shared_ptr<ServerState> state_;
};

} // namespace ebpfnet::server
