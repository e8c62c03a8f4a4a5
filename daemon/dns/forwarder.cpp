// Coroutines on the server's strand. Sockets for the sandbox's side come from a helper thread,
// since entering a namespace takes a thread of its own.
#include "daemon/dns/forwarder.hpp"

#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

namespace ebpfnet::dns {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

const auto kOwnAddress = IpAddress::from_v4(0x7f00000b); // 127.0.0.11

std::uint16_t random_id() {
  std::uint16_t id = 0;
  // Two bytes come from the kernel's pool without waiting, once it is initialised.
  while (::getrandom(&id, sizeof id, 0) != sizeof id) {
  }
  return id;
}

asio::ip::address to_asio(const Upstream& server) {
  if (server.address.is_v4()) {
    return asio::ip::address_v4(server.address.v4());
  }
  const unsigned scope = server.zone.empty() ? 0 : ::if_nametoindex(server.zone.c_str());
  return asio::ip::address_v6(server.address.bytes(), scope);
}

asio::awaitable<UniqueFd> open_on_helper(OpenSocket open, int domain, int type) {
  auto fd = open(domain, type);
  if (!fd) {
    spdlog::debug("event=dns_socket_failed error={:?}", fd.error().message);
    co_return UniqueFd();
  }
  co_return std::move(*fd);
}

asio::awaitable<UniqueFd> open_socket(const Context& context, const ForwardJob& job,
                                      const Upstream& server, int type) {
  const int domain = server.address.is_v4() ? AF_INET : AF_INET6;
  if (server.from_host_namespace) {
    co_return UniqueFd(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  if (!job.open_socket_inside) {
    co_return UniqueFd();
  }
  auto work = open_on_helper(job.open_socket_inside, domain, type);
  co_return co_await asio::co_spawn(context.helpers->get_executor(), std::move(work),
                                    asio::use_awaitable);
}

// A socket object for `fd`; null when there is none to be had. Owns the descriptor from then on.
template <class Protocol>
std::shared_ptr<typename Protocol::socket> adopt(const Context& context, UniqueFd fd,
                                                 const Upstream& server) {
  auto socket = std::make_shared<typename Protocol::socket>(context.strand);
  error_code error;
  if (!fd) {
    return nullptr;
  }
  socket->assign(server.address.is_v4() ? Protocol::v4() : Protocol::v6(), fd.get(), error);
  if (error) {
    return nullptr;
  }
  fd.release();
  socket->non_blocking(true, error);
  return error ? nullptr : socket;
}

// A connected UDP socket takes datagrams from its peer alone; what does not fit the query is
// ignored until time is up.
asio::awaitable<Wire> ask_udp(std::shared_ptr<Context> context, Flights& flights,
                              const ForwardJob& job, const Upstream& server, const Wire& wire) {
  auto fd = co_await open_socket(*context, job, server, SOCK_DGRAM);
  const auto socket = adopt<udp>(*context, std::move(fd), server);
  if (!socket || flights.stopped) {
    co_return Wire();
  }
  const Watch watch(flights, socket, context->limits.server_timeout);
  error_code error;
  socket->connect(udp::endpoint(to_asio(server), server.port), error);
  if (!error) {
    socket->send(asio::buffer(wire), 0, error);
  }
  while (!error) {
    co_await socket->async_wait(udp::socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      break;
    }
    const std::size_t len = socket->receive(asio::buffer(context->scratch), 0, error);
    if (error == asio::error::would_block) {
      error = {};
      continue;
    }
    const WireView reply(context->scratch.data(), len);
    if (!error && is_reply_to(reply, message_id(wire), job.question)) {
      co_return Wire(reply.begin(), reply.end());
    }
  }
  co_return Wire();
}

asio::awaitable<Wire> ask_tcp(std::shared_ptr<Context> context, Flights& flights,
                              const ForwardJob& job, const Upstream& server, const Wire& wire) {
  auto fd = co_await open_socket(*context, job, server, SOCK_STREAM);
  const auto socket = adopt<tcp>(*context, std::move(fd), server);
  if (!socket || flights.stopped) {
    co_return Wire();
  }
  const Watch watch(flights, socket, context->limits.server_timeout);
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const tcp::endpoint peer(to_asio(server), server.port);
  co_await socket->async_connect(peer, token);
  if (error) {
    co_return Wire();
  }
  Wire framed{static_cast<std::uint8_t>(wire.size() >> 8U),
              static_cast<std::uint8_t>(wire.size() & 0xffU)};
  framed.insert(framed.end(), wire.begin(), wire.end());
  const auto out = asio::buffer(framed);
  co_await asio::async_write(*socket, out, token);
  std::array<std::uint8_t, 2> prefix{};
  const auto prefix_buffer = asio::buffer(prefix);
  if (!error) {
    co_await asio::async_read(*socket, prefix_buffer, token);
  }
  if (error) {
    co_return Wire();
  }
  Wire reply(static_cast<std::size_t>(prefix[0] << 8U | prefix[1]));
  const auto in = asio::buffer(reply);
  co_await asio::async_read(*socket, in, token);
  const bool good = !error && is_reply_to(reply, message_id(wire), job.question);
  co_return good ? std::move(reply) : Wire();
}

} // namespace

std::vector<Upstream> usable_upstreams(const SandboxView& view, const Limits& limits) {
  std::vector<Upstream> out;
  for (const Upstream& server : view.upstreams) {
    const bool loop = server.address == kOwnAddress || server.address.is_unspecified();
    const bool forbidden = view.internal_only && server.from_host_namespace;
    if (!loop && !forbidden && out.size() < limits.max_servers) {
      out.push_back(server);
    }
  }
  return out;
}

asio::awaitable<Wire> forward(std::shared_ptr<Context> context, Flights& flights, ForwardJob job) {
  const std::uint16_t client_id = message_id(job.wire);
  Wire wire = job.wire;
  for (const Upstream& server : job.upstreams) {
    if (flights.stopped) {
      break;
    }
    set_message_id(wire, random_id());
    Wire reply;
    if (job.transport == Transport::udp) {
      reply = co_await ask_udp(context, flights, job, server, wire);
    } else {
      reply = co_await ask_tcp(context, flights, job, server, wire);
    }
    if (reply.empty()) {
      continue;
    }
    const Rcode rcode = message_rcode(reply);
    if (rcode != Rcode::servfail && rcode != Rcode::refused) {
      set_message_id(reply, client_id);
      co_return reply;
    }
  }
  co_return Wire();
}

} // namespace ebpfnet::dns
