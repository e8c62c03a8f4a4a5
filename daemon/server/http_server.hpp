// HTTP/1.1 on a unix socket. Connections live on the event loop; each request's handler runs on a
// thread of its own, so that hung requests delay nobody. The HTTP library stays behind this header.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

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

struct Options {
  std::filesystem::path socket;
  mode_t mode = 0660;
  std::string group = "ebpfnet"; // owner of the socket file where the group exists
  Limits limits;
};

struct ServerState;

class HttpServer {
public:
  // Listens and serves once `loop` runs, on one thread. The socket file of a killed daemon is
  // replaced; one that answers is a conflict. Create, stop and destroy on the loop's thread or
  // while the loop does not run, and destroy before the loop.
  static Result<std::unique_ptr<HttpServer>> listen(boost::asio::io_context& loop, Options options,
                                                    Router router);
  // Stops and waits for handlers that still run; they learn it from Request::alive and
  // Stream::write.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Takes no more connections, ends the present ones and removes the socket file. Handlers in
  // flight run on, their replies are lost.
  void stop();

private:
  explicit HttpServer(std::shared_ptr<ServerState> state);
  std::shared_ptr<ServerState> state_;
};

} // namespace ebpfnet::server
