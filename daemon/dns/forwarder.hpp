// Asks other servers for one query, in turn, and takes only a reply that belongs to it: each
// attempt has its own socket (so its own source port), its own random id, and accepts nothing but
// that server's reply to that question.
#pragma once

#include "daemon/dns/context.hpp"

namespace ebpfnet::dns {

struct ForwardJob {
  Wire wire; // as the client sent it
  Question question;
  Transport transport = Transport::udp;
  std::vector<Upstream> upstreams;
  OpenSocket open_socket_inside;
};

// The upstreams that a view lets us ask, at most `limits.max_servers`: never 127.0.0.11 itself, and
// no server of the host for a sandbox that has internal networks only.
std::vector<Upstream> usable_upstreams(const SandboxView& view, const Limits& limits);

// The reply under the client's id, as the server sent it otherwise; empty when no server gave a
// usable one. SERVFAIL and REFUSED count as no reply. `flights` must outlive the coroutine.
asio::awaitable<Wire> forward(std::shared_ptr<Context> context, Flights& flights, ForwardJob job);

} // namespace ebpfnet::dns
