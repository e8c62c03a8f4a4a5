// The server's event loop and its thread.
#include "tests/unit/daemon/server/test_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include "daemon/server/unix_listener.hpp"

namespace ebpfnet::server {

struct TestServer::Running {
  boost::asio::io_context loop{1};
  std::unique_ptr<HttpServer> server;
  std::thread thread;
};

TestServer::TestServer(Router router, Limits limits)
    : TestServer(nullptr, std::move(router), Options{.limits = limits}) {}

TestServer::TestServer(std::unique_ptr<Listener> listener, Router router, Options options)
    : running_(std::make_unique<Running>()) {
  auto server = HttpServer::serve(running_->loop, listener ? std::move(listener) : listen(),
                                  std::move(options), std::move(router));
  if (!server) {
    throw std::runtime_error(server.error().story());
  }
  running_->server = std::move(*server);
  running_->thread = std::thread([running = running_.get()] { running->loop.run(); });
}

std::unique_ptr<Listener> TestServer::listen() {
  auto listener = UnixListener::listen(socket(), 0660, "");
  if (!listener) {
    throw std::runtime_error(listener.error().story());
  }
  return std::make_unique<UnixListener>(std::move(*listener));
}

void TestServer::meet() {
  std::promise<void> met;
  boost::asio::post(running_->loop, [&met] { met.set_value(); });
  met.get_future().wait();
}

TestServer::~TestServer() {
  running_->loop.stop();
  running_->thread.join();
}

} // namespace ebpfnet::server
