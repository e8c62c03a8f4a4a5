// One HTTP/1.1 connection: read a request within its limits, run its handler on a worker thread,
// write the reply, and again. The only file of the server that knows Boost.Beast.
#include "daemon/server/session.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "daemon/server/socket_stream.hpp"
#include "daemon/server/target.hpp"

namespace ebpfnet::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::generic::stream_protocol;
using Connection = beast::basic_stream<stream_protocol>;
using Parser = http::request_parser<http::string_body>;
using Clock = std::chrono::steady_clock;
constexpr auto kResult = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kLinger{1}; // for what the client still sends after a refusal

struct Outcome {
  Reply reply;
  bool streamed = false; // the worker has written the reply itself
};

Peer peer_of(int fd) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return {};
  }
  return {credentials.pid, credentials.uid, credentials.gid};
}

// What a request that could not be read deserves; nothing: the client went away or was too slow.
std::optional<Reply> refusal_of(boost::system::error_code error, const Limits& limits) {
  if (error == http::error::body_limit) {
    return error_reply({ErrorCode::invalid,
                        0,
                        fmt::format("request body is larger than {} bytes", limits.body_bytes),
                        {}},
                       413);
  }
  if (error == http::error::header_limit) {
    return error_reply({ErrorCode::invalid,
                        0,
                        fmt::format("request header is larger than {} bytes", limits.header_bytes),
                        {}},
                       431);
  }
  bool is_http = error.category() == http::make_error_code(http::error::bad_method).category();
  if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return error_reply({ErrorCode::invalid, 0, "malformed HTTP request: " + error.message(), {}});
}

Reply refuse_route(const Router::Match& match, const std::string& method, std::string_view target,
                   const std::string& hint) {
  if (match.allow.empty()) {
    return error_reply({ErrorCode::not_found, 0, fmt::format("no such path: {}", target), hint});
  }
  Reply reply =
      error_reply({ErrorCode::invalid,
                   0,
                   fmt::format("{} is not possible on {}, only {}", method, target, match.allow),
                   {}},
                  405);
  reply.allow = match.allow;
  return reply;
}

Outcome run_handler(const Handler& handler, const Request& request, SocketStream& stream) {
  Outcome outcome;
  try {
    outcome.reply = handler(request, stream);
  } catch (const std::exception& error) {
    spdlog::error("event=http_handler_threw error={:?}", error.what());
    outcome.reply =
        error_reply({ErrorCode::internal, 0, fmt::format("unexpected failure: {}", error.what()),
                     "this is a bug; the daemon's log says more"});
  }
  outcome.streamed = stream.started();
  if (outcome.streamed && outcome.reply.status < 400) {
    stream.finish();
  }
  return outcome;
}

// Runs `work` on the pool and comes back to the loop with what it returned.
template <class Work>
asio::awaitable<Outcome> on_worker(WorkerPool& pool, asio::any_io_executor loop, Work work) {
  auto start = [&pool, loop, work](auto completion) {
    auto shared = std::make_shared<decltype(completion)>(std::move(completion));
    pool.run([loop, work, shared] {
      Outcome outcome = work();
      asio::post(loop, [shared, outcome = std::move(outcome)]() mutable {
        (*shared)(std::move(outcome));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Outcome)>(
      start, asio::use_awaitable);
}

} // namespace

class Session {
public:
  Session(stream_protocol::socket socket, std::shared_ptr<ServerState> state)
      : connection_(std::move(socket)), state_(std::move(state)), limits_(state_->options.limits),
        fd_(connection_.socket().native_handle()), peer_(peer_of(fd_)) {
    state_->sessions[this] = [this] { end(); };
  }
  ~Session() { state_->sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves one request; false: the connection is over.
  asio::awaitable<bool> exchange();

private:
  asio::awaitable<bool> first_byte();
  asio::awaitable<boost::system::error_code> read(Parser& parser);
  asio::awaitable<Outcome> handle(Parser::value_type& message);
  asio::awaitable<bool> write(Reply reply, unsigned version, bool keep_alive, bool head_only);
  asio::awaitable<void> linger();
  void log(const Request& request, std::string_view target, const Exchange& done) const;
  void observe(const Exchange& done) const;
  void end();

  Connection connection_;
  beast::flat_buffer buffer_;
  std::shared_ptr<ServerState> state_;
  const Limits& limits_;
  const int fd_;
  const Peer peer_;
};

asio::awaitable<bool> Session::exchange() {
  if (buffer_.size() == 0 && !co_await first_byte()) {
    co_return false;
  }
  Parser parser;
  boost::system::error_code error = co_await read(parser);
  if (error) {
    if (std::optional<Reply> refusal = refusal_of(error, limits_)) {
      observe({{}, {}, refusal->status, {}});
      co_await write(std::move(*refusal), 11, false, false);
      co_await linger();
    }
    co_return false;
  }
  auto& message = parser.get();
  Outcome outcome = co_await handle(message);
  if (outcome.streamed || state_->stopping) {
    co_return false;
  }
  const bool head_only = message.method() == http::verb::head;
  co_return co_await write(std::move(outcome.reply), message.version(), message.keep_alive(),
                           head_only);
}

asio::awaitable<bool> Session::first_byte() {
  connection_.expires_after(limits_.idle_timeout);
  auto [error, count] = co_await connection_.async_read_some(buffer_.prepare(4096), kResult);
  buffer_.commit(count);
  co_return !error;
}

asio::awaitable<boost::system::error_code> Session::read(Parser& parser) {
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser.body_limit(limits_.body_bytes);
  connection_.expires_after(limits_.read_timeout);
  auto [header_error, header_count] =
      co_await http::async_read_header(connection_, buffer_, parser, kResult);
  if (header_error) {
    co_return header_error;
  }
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    auto text = asio::buffer(kContinue);
    auto [error, count] = co_await asio::async_write(connection_, text, kResult);
    if (error) {
      co_return error;
    }
  }
  auto [body_error, body_count] = co_await http::async_read(connection_, buffer_, parser, kResult);
  co_return body_error;
}

asio::awaitable<Outcome> Session::handle(Parser::value_type& message) {
  Outcome outcome;
  std::string text(message.target());
  Request request;
  request.method = std::string(message.method_string());
  Result<Target> target = Target::from(text);
  if (!target) {
    outcome.reply = error_reply(target.error());
    observe({request.method, {}, outcome.reply.status, {}});
    co_return outcome;
  }
  Router::Match match = state_->router.find(request.method, target->segments);
  if (match.handler == nullptr) {
    outcome.reply = refuse_route(match, request.method, text, state_->options.hint);
    observe({request.method, {}, outcome.reply.status, {}});
    co_return outcome;
  }
  request.path = std::move(match.path);
  request.query = std::move(target->query);
  request.body = std::move(message.body());
  request.peer = peer_;
  request.alive = [fd = fd_, &stopping = state_->stopping] {
    return !stopping && peer_is_there(fd);
  };

  // From here until the handler is done nothing on the loop touches the socket, a timeout neither.
  connection_.expires_never();
  SocketStream stream(fd_, message.version() >= 11, state_->stopping);
  auto work = [&handler = *match.handler, &request, &stream] {
    return run_handler(handler, request, stream);
  };
  Clock::time_point start = Clock::now();
  outcome = co_await on_worker(*state_->workers, connection_.get_executor(), work);
  const Exchange done{request.method, match.route, outcome.reply.status, Clock::now() - start};
  log(request, text.substr(0, text.find('?')), done);
  observe(done);
  co_return outcome;
}

void Session::log(const Request& request, std::string_view target, const Exchange& done) const {
  bool mutates = request.method != "GET" && request.method != "HEAD";
  spdlog::log(mutates ? spdlog::level::info : spdlog::level::debug,
              "event={}_request method={} path={:?} status={} ms={} uid={} pid={}",
              state_->options.name, request.method, target, done.status,
              std::chrono::duration_cast<std::chrono::milliseconds>(done.took).count(), peer_.uid,
              peer_.pid);
}

void Session::observe(const Exchange& done) const {
  if (state_->options.observe) {
    state_->options.observe(done);
  }
}

// `head_only`: the reply to HEAD, which announces the body and leaves it out (RFC 9110 9.3.2).
asio::awaitable<bool> Session::write(Reply reply, unsigned version, bool keep_alive,
                                     bool head_only) {
  http::response<http::string_body> response;
  response.version(version);
  response.result(static_cast<unsigned>(reply.status));
  response.set(http::field::content_type, reply.content_type);
  if (!reply.allow.empty()) {
    response.set(http::field::allow, reply.allow);
  }
  response.keep_alive(keep_alive);
  response.content_length(reply.body.size());
  if (!head_only) {
    response.body() = std::move(reply.body);
  }
  connection_.expires_after(limits_.read_timeout);
  auto [error, count] = co_await http::async_write(connection_, response, kResult);
  co_return !error && keep_alive;
}

// Takes what the client still sends: closing with unread data would break its writes before it
// reads the refusal.
asio::awaitable<void> Session::linger() {
  boost::system::error_code error;
  connection_.socket().shutdown(stream_protocol::socket::shutdown_send, error);
  connection_.expires_after(kLinger);
  while (!error) {
    buffer_.clear();
    auto [read_error, count] =
        co_await connection_.async_read_some(buffer_.prepare(65536), kResult);
    error = read_error;
  }
}

void Session::end() {
  boost::system::error_code ignored;
  if (connection_.socket().is_open()) {
    connection_.socket().shutdown(stream_protocol::socket::shutdown_both, ignored);
  }
}

asio::awaitable<void> serve(stream_protocol::socket socket, std::shared_ptr<ServerState> state) {
  Session session(std::move(socket), std::move(state));
  while (co_await session.exchange()) {
  }
}

} // namespace ebpfnet::server
