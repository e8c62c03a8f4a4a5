// Listening, accepting and stopping; what happens on a connection is in session.cpp.
#include "daemon/server/http_server.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/api/error_json.hpp"
#include "daemon/server/session.hpp"

namespace ebpfnet::server {
namespace {

namespace asio = boost::asio;
using asio::generic::stream_protocol;
constexpr auto kUse = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kAcceptRetry{100};

// One connection too many: a short answer is better than a silent queue. The socket is empty, so
// this cannot block.
void refuse(stream_protocol::socket socket, std::size_t limit) {
  Reply reply = error_reply(Error{ErrorCode::unavailable, 0,
                                  fmt::format("the daemon already serves {} connections", limit),
                                  "try again in a moment"});
  std::string text = fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\n"
                                 "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                                 reply.content_type, reply.body.size(), reply.body);
  if (::send(socket.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    spdlog::debug("event=http_refusal_not_sent error={:?}", std::strerror(errno));
  }
}

asio::awaitable<void> accept_connections(std::shared_ptr<ServerState> state) {
  auto executor = state->acceptor.get_executor();
  asio::steady_timer pause(executor);
  while (!state->stopping) {
    auto [error, socket] = co_await state->acceptor.async_accept(kUse);
    if (state->stopping) {
      break;
    }
    if (error) {
      // Out of descriptors or memory: connections wait in the backlog until some end.
      spdlog::warn("event={}_accept_failed error={:?}", state->options.name, error.message());
      pause.expires_after(kAcceptRetry);
      co_await pause.async_wait(kUse);
      continue;
    }
    std::size_t limit = state->options.limits.connections;
    if (state->sessions.size() >= limit) {
      refuse(std::move(socket), limit);
      continue;
    }
    asio::co_spawn(executor, serve(std::move(socket), state), asio::detached);
  }
}

} // namespace

ServerState::ServerState(asio::io_context& loop, Options opts, Router routes, int family,
                         std::unique_ptr<Listener> listening, std::unique_ptr<WorkerPool> pool)
    : options(std::move(opts)), router(std::move(routes)), listener(std::move(listening)),
      acceptor(loop, stream_protocol(family, 0), listener->release_fd().release()),
      workers(std::move(pool)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::serve(asio::io_context& loop,
                                                      std::unique_ptr<Listener> listener,
                                                      Options options, Router router) {
  int family = 0;
  socklen_t length = sizeof family;
  if (::getsockopt(listener->fd(), SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) {
    return fail_errno(errno, "ask a socket for its family");
  }
  std::unique_ptr<WorkerPool> pool = TRY(
      WorkerPool::create({.threads = options.limits.threads, .idle = std::chrono::seconds(30)}));
  auto state = std::make_shared<ServerState>(loop, std::move(options), std::move(router), family,
                                             std::move(listener), std::move(pool));
  asio::co_spawn(loop, accept_connections(state), asio::detached);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::shared_ptr<ServerState> state) : state_(std::move(state)) {}

void HttpServer::stop() {
  if (state_->stopping.exchange(true)) {
    return;
  }
  state_->listener->withdraw();
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (const auto& [session, end] : state_->sessions) {
    end();
  }
}

HttpServer::~HttpServer() {
  stop();
  state_->workers.reset();
}

} // namespace ebpfnet::server
