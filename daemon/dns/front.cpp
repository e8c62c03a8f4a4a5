// Own answers leave within the call that read the query; only forwarding starts a coroutine of its
// own.
#include "daemon/dns/front.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "daemon/dns/connection.hpp"

namespace ebpfnet::dns {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAfterError{50}; // so that a lasting error does not spin

struct Bound {
  int family;
};

Result<Bound> inspect(const UniqueFd& fd, int wanted_type, std::string_view what) {
  int type = 0;
  socklen_t len = sizeof type;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &len) != 0) {
    return fail_errno(errno, "{} socket for DNS", what);
  }
  sockaddr_storage address{};
  len = sizeof address;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &len) != 0) {
    return fail_errno(errno, "{} socket for DNS", what);
  }
  int listening = 0;
  len = sizeof listening;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &len);
  const bool is_inet = address.ss_family == AF_INET || address.ss_family == AF_INET6;
  if (type != wanted_type || !is_inet || (wanted_type == SOCK_STREAM && listening == 0)) {
    return fail(ErrorCode::invalid, "the {} descriptor for DNS is not a bound {} socket", what,
                what);
  }
  return Bound{address.ss_family};
}

// Hands `fd` to an I/O object of the loop, which owns it from then on.
template <class Protocol, class Socket>
Result<void> assign(Socket& socket, UniqueFd& fd, Bound bound, std::string_view what) {
  error_code error;
  socket.assign(bound.family == AF_INET ? Protocol::v4() : Protocol::v6(), fd.get(), error);
  if (!error) {
    fd.release();
    socket.non_blocking(true, error);
  }
  if (error) {
    return fail(ErrorCode::internal, "{} socket for DNS: {}", what, error.message());
  }
  return {};
}

} // namespace

Front::Front(std::shared_ptr<Context> context, SandboxDns& sandbox)
    : context_(std::move(context)), id_(std::move(sandbox.id)),
      view_(std::make_shared<SandboxView>(std::move(sandbox.view))),
      open_socket_inside_(std::move(sandbox.open_socket_inside)), udp_(context_->strand),
      tcp_(context_->strand) {}

Result<std::shared_ptr<Front>> Front::create(std::shared_ptr<Context> context, SandboxDns sandbox) {
  const Bound udp_bound = TRY(inspect(sandbox.udp, SOCK_DGRAM, "UDP"));
  const Bound tcp_bound = TRY(inspect(sandbox.tcp, SOCK_STREAM, "TCP"));
  std::shared_ptr<Front> front(new Front(std::move(context), sandbox));
  TRY_VOID(assign<udp>(front->udp_, sandbox.udp, udp_bound, "UDP"));
  TRY_VOID(assign<tcp>(front->tcp_, sandbox.tcp, tcp_bound, "TCP"));
  return front;
}

void Front::start() {
  asio::co_spawn(context_->strand, serve_udp(shared_from_this()), asio::detached);
  asio::co_spawn(context_->strand, serve_tcp(shared_from_this()), asio::detached);
}

void Front::update(SandboxView fresh) {
  auto shared = std::make_shared<const SandboxView>(std::move(fresh));
  const std::scoped_lock lock(view_mutex_);
  view_ = std::move(shared);
}

std::shared_ptr<const SandboxView> Front::view() {
  const std::scoped_lock lock(view_mutex_);
  return view_;
}

void Front::stop() {
  error_code ignored;
  udp_.close(ignored);
  tcp_.close(ignored);
  const auto connections = connections_;
  for (Connection* connection : connections) {
    connection->close();
  }
  flights_.stop();
}

asio::awaitable<void> Front::serve_udp(std::shared_ptr<Front> self) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  while (self->udp_.is_open()) {
    co_await self->udp_.async_wait(udp::socket::wait_read, token);
    if (!error) {
      self->receive_waiting();
    } else if (self->udp_.is_open()) {
      spdlog::warn("event=dns_receive_failed sandbox={:?} error={:?}", self->id_, error.message());
      asio::steady_timer pause(self->context_->strand, kAfterError);
      co_await pause.async_wait(token);
    }
  }
}

// Takes what has arrived, but not for ever: other sandboxes wait on the same loop.
void Front::receive_waiting() {
  constexpr int kBatch = 64;
  for (int i = 0; i < kBatch && udp_.is_open(); ++i) {
    udp::endpoint client;
    error_code error;
    const std::size_t len = udp_.receive_from(asio::buffer(context_->scratch), client, 0, error);
    if (error) {
      return;
    }
    const auto reply = [self = shared_from_this(), client](const Wire& wire) {
      self->send(wire, client);
    };
    handle(WireView(context_->scratch.data(), len), Transport::udp, reply);
  }
}

// A full send buffer loses the reply, as a full network would; the client asks again.
void Front::send(const Wire& wire, const udp::endpoint& client) {
  error_code error;
  udp_.send_to(asio::buffer(wire), client, 0, error);
  if (error && udp_.is_open()) {
    spdlog::debug("event=dns_send_failed sandbox={:?} error={:?}", id_, error.message());
  }
}

asio::awaitable<void> Front::serve_tcp(std::shared_ptr<Front> self) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  while (self->tcp_.is_open()) {
    tcp::socket client(self->context_->strand);
    co_await self->tcp_.async_accept(client, token);
    if (!error && self->connections_.size() < self->context_->limits.max_connections) {
      std::make_shared<Connection>(self, std::move(client))->start();
    } else if (error && self->tcp_.is_open()) {
      spdlog::warn("event=dns_accept_failed sandbox={:?} error={:?}", self->id_, error.message());
      asio::steady_timer pause(self->context_->strand, kAfterError);
      co_await pause.async_wait(token);
    }
  }
}

bool Front::handle(WireView wire, Transport transport, Reply reply) {
  const auto current = view();
  Answer answer = context_->resolver.resolve(wire, transport, *current);
  Tally& tally = *context_->tally;
  if (answer.action == Answer::Action::drop) {
    tally.add(Outcome::dropped);
    return false;
  }
  if (answer.action == Answer::Action::reply) {
    const bool good = message_rcode(answer.wire) == Rcode::noerror;
    tally.add(good ? Outcome::answered : Outcome::refused);
    reply(std::move(answer.wire));
    return true;
  }
  if (flights_.outstanding >= context_->limits.max_forwards) {
    tally.add(Outcome::refused);
    reply(make_reply(*answer.query, Rcode::refused, {}));
    return true;
  }
  ForwardJob job{Wire(wire.begin(), wire.end()), answer.query->question, transport,
                 usable_upstreams(*current, context_->limits), open_socket_inside_};
  ++flights_.outstanding;
  asio::co_spawn(
      context_->strand,
      serve_forward(shared_from_this(), std::move(*answer.query), std::move(job), std::move(reply)),
      asio::detached);
  return true;
}

asio::awaitable<void> Front::serve_forward(std::shared_ptr<Front> self, Query query, ForwardJob job,
                                           Reply reply) {
  Wire wire = co_await forward(self->context_, self->flights_, std::move(job));
  --self->flights_.outstanding;
  if (self->flights_.stopped) {
    co_return;
  }
  self->context_->tally->add(wire.empty() ? Outcome::failed : Outcome::forwarded);
  if (wire.empty()) {
    wire = make_reply(query, Rcode::servfail, {});
  } else if (wire.size() > query.reply_limit) {
    wire = make_truncated_reply(query);
  }
  reply(std::move(wire));
}

} // namespace ebpfnet::dns
