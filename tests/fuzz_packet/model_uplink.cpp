// The rules for what comes from outside, for published ports, and for what leaves through the
// host's stack.
#include <algorithm>

#include "tests/fuzz_packet/model.hpp"

namespace ebpfnet::packet {

Expected Model::from_uplink(const Sample& sample) const {
  const Reading frame = read(sample.bytes, sample.gso_size != 0);
  if (!frame.ip || frame.dst != scene_.world().uplink_mac()) {
    return untouched(sample.bytes);
  }
  const auto c = with_ports(sample, *frame.ip, 0);
  if (!c) {
    return untouched(sample.bytes);
  }
  if (c->ports && in_masquerade_range(c->ports->destination)) {
    return masquerade_reply(*c);
  }
  if (c->ports && scene_.is_host_address(c->ip.dst)) {
    if (const auto* range = scene_.published_for(c->ip.proto, c->ip.dst, c->ports->destination)) {
      return published(*c, *range, {});
    }
  }
  return c->ip.is_error() ? error_from_uplink(*c) : untouched(sample.bytes);
}

// To who asked, and to nobody else.
Expected Model::masquerade_reply(const Case& c) const {
  const auto reserved = state_.reserved(c.tuple());
  if (!reserved) {
    return untouched(c.sample.bytes);
  }
  const Party* to = scene_.party(reserved->slot);
  if (to == nullptr || to->sandbox != reserved->sandbox) {
    return dropped(0, {EBN_DROP_UNKNOWN_ENDPOINT});
  }
  if (c.too_big()) {
    return dropped(to->network, {EBN_DROP_TOO_BIG});
  }
  Rewrite rewrite = routed_to(*to);
  rewrite.dst = reserved->inside;
  rewrite.ports = Ports{c.ports->source, reserved->inside_port};
  rewrite.ttl = one_hop_less(c.ip.ttl);
  return redirected(c.sample, to->network, EBN_PATH_IN, c.ip, rewrite);
}

// An error about what a sandbox sent through NAT: the quoted packet is what the sandbox sent.
Expected Model::error_from_uplink(const Case& c) const {
  const auto quoted = read_quoted(c.sample.bytes, c.ip);
  if (!quoted || quoted->src != c.ip.dst) {
    return untouched(c.sample.bytes);
  }
  const Tuple back = Tuple{quoted->proto, quoted->src, quoted->dst, quoted->ports}.reversed();
  const Party* to = nullptr;
  IpAddress inside;
  std::uint16_t inside_port = 0;
  if (const auto reserved =
          in_masquerade_range(back.ports.destination) ? state_.reserved(back) : std::nullopt) {
    to = scene_.party(reserved->slot);
    to = to != nullptr && to->sandbox == reserved->sandbox ? to : nullptr;
    inside = reserved->inside;
    inside_port = reserved->inside_port;
  } else if (const auto* range =
                 scene_.published_for(back.proto, back.dst, back.ports.destination)) {
    const Party* server = scene_.party(range->slot);
    inside = server->ip;
    inside_port = static_cast<std::uint16_t>(range->target + back.ports.destination - range->first);
    const Tuple seen_inside{back.proto, back.src, inside, {back.ports.source, inside_port}};
    const auto flow = state_.flow(server->sandbox, seen_inside);
    const bool translated = flow && flow->value.kind == EBN_FLOW_PUBLISHED &&
                            flow->nat() == back.dst && flow->nat_port() == back.ports.destination;
    to = translated ? server : nullptr;
  }
  if (to == nullptr) {
    return untouched(c.sample.bytes);
  }
  Rewrite rewrite = routed_to(*to);
  rewrite.dst = inside;
  rewrite.ttl = one_hop_less(c.ip.ttl);
  rewrite.quoted_src = inside;
  rewrite.quoted_ports = Ports{inside_port, quoted->ports.destination};
  return redirected(c.sample, to->network, EBN_PATH_IN, c.ip, rewrite);
}

// The server sees the client's own address, unless that is its own or means somebody else there.
Expected Model::published(const Case& c, const PublishedRange& range, const Client& client) const {
  const Party& server = *scene_.party(range.slot);
  const bool crosses = client.party == nullptr || client.party->network != server.network;
  const bool internal =
      scene_.is(server.network, EBN_NET_INTERNAL) ||
      (client.party != nullptr && scene_.is(client.party->network, EBN_NET_INTERNAL));
  if (crosses && internal) {
    return dropped(client.party != nullptr ? client.party->network : server.network,
                   {EBN_DROP_INTERNAL});
  }
  const bool ambiguous =
      client.party != nullptr && (client.party->sandbox == server.sandbox ||
                                  (crosses && scene_.subnet(server.network).contains(c.ip.src)));
  Tuple inside = c.tuple();
  inside.src = ambiguous ? server.gateway : c.ip.src;
  inside.dst = server.ip;
  inside.ports.destination =
      static_cast<std::uint16_t>(range.target + c.ports->destination - range.first);
  const Reasons reasons = inbound_refusals(c, range, client, inside);
  if (!reasons.empty()) {
    return stray_segment(c, server.network, reasons);
  }
  Rewrite rewrite = routed_to(server);
  rewrite.src = inside.src;
  rewrite.dst = inside.dst;
  rewrite.ports = inside.ports;
  rewrite.ttl = one_hop_less(c.ip.ttl);
  return redirected(c.sample, server.network,
                    client.party != nullptr ? EBN_PATH_PUBLISHED : EBN_PATH_IN, c.ip, rewrite);
}

Model::Reasons Model::inbound_refusals(const Case& c, const PublishedRange& range,
                                       const Client& client, const Tuple& inside) const {
  Reasons reasons;
  auto flow = state_.flow(scene_.party(range.slot)->sandbox, inside);
  const bool opens = c.ip.proto != kTcp || opens_flow(c.ip);
  if (flow && opens && flow->is_closed()) {
    flow.reset();
  }
  const bool same = flow && flow->value.slot == range.slot &&
                    flow->value.peer_slot == client.slot() && flow->nat() == c.ip.dst &&
                    flow->nat_port() == c.ports->destination;
  if (!same) {
    if (flow && flow->established) {
      reasons.insert(EBN_DROP_NAT_COLLISION);
    }
    if (client.party == nullptr && (is_martian(c.ip.src) || scene_.in_some_subnet(c.ip.src))) {
      reasons.insert(EBN_DROP_MARTIAN);
    }
    if (!opens) {
      reasons.insert(EBN_DROP_NO_FLOW);
    }
  }
  // A stray segment is answered whatever its size.
  if (c.too_big() && !reasons.contains(EBN_DROP_NO_FLOW)) {
    reasons.insert(EBN_DROP_TOO_BIG);
  }
  return reasons;
}

// What a container sent through the host's stack leaves with the host's address or not at all.
Expected Model::to_uplink(const Sample& sample) const {
  if (sample.came_by <= EBN_BRIDGE_IFINDEX_BASE ||
      sample.came_by >= EBN_BRIDGE_IFINDEX_BASE + EBN_MAX_NETWORKS) {
    return untouched(sample.bytes);
  }
  const std::uint32_t network = sample.came_by - EBN_BRIDGE_IFINDEX_BASE;
  const auto ip = read(sample.bytes, sample.gso_size != 0).ip;
  Reasons reasons;
  if (scene_.is(network, EBN_NET_INTERNAL)) {
    reasons.insert(EBN_DROP_INTERNAL);
  }
  if (!ip) {
    reasons.insert(EBN_DROP_MALFORMED);
    return dropped(network, reasons);
  }
  const auto from = std::ranges::find_if(scene_.parties(), [&](const Party& party) {
    return party.network == network && (party.ip == ip->src || party.seen_by_host() == ip->src);
  });
  // A device under another uplink (a VLAN's) sees what that one translated.
  if (from == scene_.parties().end() && reasons.empty() && scene_.is_host_address(ip->src)) {
    return untouched(sample.bytes);
  }
  if (from == scene_.parties().end()) {
    reasons.insert(EBN_DROP_SPOOFED_IP);
    return dropped(network, reasons);
  }
  const auto c = with_ports(sample, *ip, from->sandbox);
  if (!c) {
    reasons.insert(EBN_DROP_FRAGMENT_UNKNOWN);
    return dropped(network, reasons);
  }
  if (!c->ports) {
    reasons.insert(EBN_DROP_UNSUPPORTED_PROTOCOL);
    return dropped(network, reasons);
  }
  Tuple inside = c->tuple();
  inside.src = from->ip;
  const auto flow = state_.flow(from->sandbox, inside);
  if (!flow && !scene_.is(network, EBN_NET_MASQUERADE)) {
    reasons.insert(EBN_DROP_NO_MASQUERADE);
  }
  if (!flow && !opens_flow(*ip)) {
    reasons.insert(EBN_DROP_NO_FLOW);
  }
  if (!reasons.empty()) {
    return dropped(network, reasons);
  }
  Expected out = passed(sample, network, EBN_PATH_OUT);
  out.output = [this, in = sample.bytes, ip = *ip, flow, inside, from = *from](const Bytes& bytes) {
    Rewrite rewrite;
    // The flow is there afterwards in any case.
    const auto now = flow ? flow : state_.flow(from.sandbox, inside);
    if (!now ||
        (!flow && (now->nat() != scene_.world().host() || !in_masquerade_range(now->nat_port())))) {
      return std::string("no masqueraded flow was recorded");
    }
    rewrite.src = now->nat();
    rewrite.ports = Ports{now->nat_port(), inside.ports.destination};
    return difference(in, bytes, ip, rewrite);
  };
  return out;
}

} // namespace ebpfnet::packet
