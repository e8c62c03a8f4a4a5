// The rules for what containers send.
#include "tests/fuzz_packet/model.hpp"

namespace ebpfnet::packet {
namespace {

bool is_dhcp_question(const Ipv4& ip) {
  return ip.src.is_unspecified() && ip.proto == kUdp && ip.ports == Ports{68, 67};
}

bool claims_foreign_address(const Party& from, const ArpMessage& arp) {
  const bool probe = arp.sender.is_unspecified();
  return arp.sender_mac != from.mac || (!probe && arp.sender != from.ip);
}

bool is_group(const Mac& mac) {
  return (mac.bytes()[0] & 1) != 0;
}

} // namespace

Expected Model::from_container(const Sample& sample) const {
  const Party* from = scene_.party(sample.slot);
  if (from == nullptr) {
    return dropped(0, {EBN_DROP_UNKNOWN_ENDPOINT});
  }
  const Reading frame = read(sample.bytes, sample.gso_size != 0);
  Reasons reasons;
  const auto refuse_if = [&](bool wrong, ebn_drop_reason reason) {
    if (wrong) {
      reasons.insert(reason);
    }
  };
  refuse_if(frame.is_tagged(), EBN_DROP_VLAN_TAGGED);
  refuse_if(frame.ethertype == 0x86dd, EBN_DROP_IPV6_DISABLED);
  refuse_if(frame.ethertype == 0x0800 && !frame.ip, EBN_DROP_MALFORMED);
  refuse_if(frame.ethertype == 0x0806 && !frame.arp, EBN_DROP_MALFORMED);
  if (!from->may_spoof()) {
    refuse_if(frame.src != from->mac, EBN_DROP_SPOOFED_MAC);
    refuse_if(frame.arp && claims_foreign_address(*from, *frame.arp), EBN_DROP_SPOOFED_ARP);
    refuse_if(frame.ip && frame.ip->src != from->ip && !is_dhcp_question(*frame.ip),
              EBN_DROP_SPOOFED_IP);
  }
  if (!reasons.empty()) {
    return dropped(from->network, reasons);
  }
  if (frame.arp) {
    return arp_from(sample, *from, *frame.arp);
  }
  if (frame.ip) {
    return ipv4_from({sample, *frame.ip, frame.ip->ports}, *from, frame);
  }
  return passed(sample, from->network, EBN_PATH_BRIDGE);
}

// A question for an address that is known is answered at once, and by its owner's MAC address;
// everything else is the bridge's. What is answered is not carried, so no path counts it.
Expected Model::arp_from(const Sample& sample, const Party& from, const ArpMessage& arp) const {
  const Party* owner = scene_.owner(from.network, arp.target);
  const bool known = owner != nullptr || arp.target == from.gateway;
  if (arp.operation != 1 || !known || arp.target == from.ip) {
    return passed(sample, from.network, EBN_PATH_BRIDGE);
  }
  const Mac mac = owner != nullptr ? owner->mac : from.gateway_mac;
  Bytes answer = sample.bytes;
  put_mac(answer, 0, mac_at(sample.bytes, 6));
  put_mac(answer, 6, mac);
  put_half(answer, 20, 2);
  put_mac(answer, 22, mac);
  put_address(answer, 28, arp.target);
  put_mac(answer, 32, arp.sender_mac);
  put_address(answer, 38, arp.sender);
  Expected out;
  out.action = kRedirect;
  out.network = from.network;
  out.output = [answer](const Bytes& bytes) {
    return bytes == answer ? std::string() : "expected the ARP reply " + hex(answer);
  };
  return out;
}

Expected Model::ipv4_from(const Case& c, const Party& from, const Reading& frame) const {
  if (frame.dst == from.gateway_mac) {
    return routed(c, from);
  }
  const Party* to = is_group(frame.dst) ? nullptr : scene_.owner(from.network, c.ip.dst);
  if (to != nullptr && to->mac == frame.dst && to->slot != from.slot) {
    return to_neighbour(c, from);
  }
  // The host would answer an address that is somebody else's in another network.
  if (is_group(frame.dst) && !from.host_address.is_unspecified() &&
      scene_.is_host_address(c.ip.dst)) {
    return dropped(from.network, {EBN_DROP_MARTIAN});
  }
  return passed(c.sample, from.network, EBN_PATH_BRIDGE);
}

Expected Model::to_neighbour(const Case& c, const Party& from) const {
  if (from.serves_neighbours()) {
    const auto known = with_ports(c.sample, c.ip, from.sandbox);
    if (known && known->ports) {
      const auto flow = state_.flow(from.sandbox, known->tuple());
      if (flow && flow->value.kind == EBN_FLOW_NEIGHBOUR) {
        return of_flow(*known, from, *flow);
      }
    }
    if (const auto flow = flow_of_error(c, from)) {
      return error_of_flow(c, from, *read_quoted(c.sample.bytes, c.ip), *flow);
    }
  }
  Reasons reasons;
  if (scene_.is(from.network, EBN_NET_NO_ICC)) {
    reasons.insert(EBN_DROP_NO_ICC);
  }
  if (c.too_big()) {
    reasons.insert(EBN_DROP_TOO_BIG);
  }
  return reasons.empty() ? redirected(c.sample, from.network, EBN_PATH_LOCAL, c.ip, {})
                         : dropped(from.network, reasons);
}

// To the gateway's MAC address.
Expected Model::routed(const Case& bare, const Party& from) const {
  const auto c = with_ports(bare.sample, bare.ip, from.sandbox);
  if (!c) {
    return dropped(from.network, {EBN_DROP_FRAGMENT_UNKNOWN});
  }
  if (c->ports) {
    const auto flow = state_.flow(from.sandbox, c->tuple());
    if (flow && !((c->ip.tcp_flags & kSyn) != 0 && flow->is_closed())) {
      return of_flow(*c, from, *flow);
    }
  }
  if (const auto flow = flow_of_error(*c, from)) {
    return error_of_flow(*c, from, *read_quoted(c->sample.bytes, c->ip), *flow);
  }
  return without_flow(*c, from);
}

Expected Model::without_flow(const Case& c, const Party& from) const {
  Reasons reasons;
  const auto refuse_if = [&](bool wrong, ebn_drop_reason reason) {
    if (wrong) {
      reasons.insert(reason);
    }
  };
  const bool gateway = c.ip.dst == from.gateway;
  const bool host = gateway || scene_.is_host_address(c.ip.dst);
  refuse_if(is_martian(c.ip.src), EBN_DROP_MARTIAN);
  if (const Party* neighbour = scene_.owner(from.network, c.ip.dst)) {
    refuse_if(scene_.is(from.network, EBN_NET_NO_ICC), EBN_DROP_NO_ICC);
    refuse_if(c.too_big(), EBN_DROP_TOO_BIG);
    return reasons.empty()
               ? redirected(c.sample, from.network, EBN_PATH_LOCAL, c.ip, routed_to(*neighbour))
               : dropped(from.network, reasons);
  }
  refuse_if(!gateway && scene_.is(from.network, EBN_NET_INTERNAL), EBN_DROP_INTERNAL);
  if (host) {
    const PublishedRange* range =
        c.ports ? scene_.published_for(c.ip.proto, c.ip.dst, c.ports->destination) : nullptr;
    return !reasons.empty()   ? dropped(from.network, reasons)
           : range != nullptr ? published(c, *range, {&from})
                              : to_stack(c, from);
  }
  refuse_if(is_martian(c.ip.dst), EBN_DROP_MARTIAN);
  if (reasons.empty() && scene_.subnet(from.network).contains(c.ip.dst)) {
    return to_stack(c, from);
  }
  refuse_if(scene_.in_some_subnet(c.ip.dst), EBN_DROP_ISOLATED);
  refuse_if(!c.ports, EBN_DROP_UNSUPPORTED_PROTOCOL);
  refuse_if(!scene_.is(from.network, EBN_NET_MASQUERADE), EBN_DROP_NO_MASQUERADE);
  refuse_if(!opens_flow(c.ip), EBN_DROP_NO_FLOW);
  if (!reasons.empty()) {
    return stray_segment(c, from.network, reasons);
  }
  return c.ip.ttl <= 1 || !has_route(c) ? to_stack(c, from) : masqueraded(c, from);
}

// A new flow: with the host's address, a port of the exclusive range, and a reservation by which
// its reply finds the way back.
Expected Model::masqueraded(const Case& c, const Party& from) const {
  Expected out = redirected(c.sample, from.network, EBN_PATH_OUT, c.ip, {});
  out.output = [this, in = c.sample.bytes, ip = c.ip, from, tuple = c.tuple()](const Bytes& bytes) {
    Rewrite rewrite;
    rewrite.src = scene_.world().host();
    rewrite.ttl = one_hop_less(ip.ttl);
    if (ip.later_fragment) {
      return difference(in, bytes, ip, rewrite);
    }
    const std::uint16_t port = half_at(bytes, ip.transport + (ip.proto == kIcmp ? 4 : 0));
    rewrite.ports = Ports{port, tuple.ports.destination};
    if (!in_masquerade_range(port)) {
      return std::string("the source port is outside the range for masquerading");
    }
    Tuple outside = tuple;
    outside.src = scene_.world().host();
    outside.ports.source = port;
    const auto back = state_.reserved(outside.reversed());
    if (!back || back->slot != from.slot || back->sandbox != from.sandbox ||
        back->inside != tuple.src || back->inside_port != tuple.ports.source) {
      return std::string("the reply would not find the way back");
    }
    return difference(in, bytes, ip, rewrite);
  };
  return out;
}

Expected Model::to_stack(const Case& c, const Party& from) const {
  Expected out = passed(c.sample, from.network, EBN_PATH_BRIDGE);
  return from.host_address.is_unspecified() ? out : swapped(c, out, from.ip, from.host_address);
}

Expected Model::of_flow(const Case& c, const Party& from, const Flow& flow) const {
  if (flow.value.kind == EBN_FLOW_NEIGHBOUR) {
    return to_client(c, from, flow);
  }
  if (c.ip.ttl <= 1 || !has_route(c)) {
    return to_stack(c, from);
  }
  Rewrite rewrite;
  rewrite.src = flow.nat();
  rewrite.ports = Ports{flow.nat_port(), c.ports->destination};
  rewrite.ttl = one_hop_less(c.ip.ttl);
  return redirected(c.sample, from.network, EBN_PATH_OUT, c.ip, rewrite);
}

// A server's reply to a client on this host.
Expected Model::to_client(const Case& c, const Party& from, const Flow& flow) const {
  const Party* client = scene_.party(flow.value.peer_slot);
  if (client == nullptr || client->sandbox != flow.value.peer_sandbox) {
    return dropped(from.network, {EBN_DROP_UNKNOWN_ENDPOINT});
  }
  if (c.too_big()) {
    return dropped(from.network, {EBN_DROP_TOO_BIG});
  }
  Rewrite rewrite = routed_to(*client);
  rewrite.src = flow.nat();
  rewrite.dst = client->ip;
  rewrite.ports = Ports{flow.nat_port(), flow.peer_port()};
  rewrite.ttl = one_hop_less(c.ip.ttl);
  return redirected(c.sample, client->network, EBN_PATH_PUBLISHED, c.ip, rewrite);
}

std::optional<Flow> Model::flow_of_error(const Case& c, const Party& from) const {
  const auto quoted = c.ip.is_error() ? read_quoted(c.sample.bytes, c.ip) : std::nullopt;
  if (!quoted || quoted->src != c.ip.dst) {
    return std::nullopt;
  }
  const Tuple about{quoted->proto, quoted->src, quoted->dst, quoted->ports};
  return state_.flow(from.sandbox, about.reversed());
}

// Back to the sender of the quoted packet, as the packet looked there; the sandbox's address stays
// inside.
Expected Model::error_of_flow(const Case& c, const Party& from, const Quoted& quoted,
                              const Flow& flow) const {
  Rewrite rewrite;
  rewrite.src = flow.nat();
  rewrite.ttl = one_hop_less(c.ip.ttl);
  rewrite.quoted_dst = flow.nat();
  rewrite.quoted_ports = Ports{quoted.ports.source, flow.nat_port()};
  if (flow.value.kind != EBN_FLOW_NEIGHBOUR) {
    Reasons reasons;
    if (scene_.is(from.network, EBN_NET_INTERNAL)) {
      reasons.insert(EBN_DROP_INTERNAL);
    }
    if (!has_route(c)) {
      reasons.insert(EBN_DROP_NO_ROUTE);
    }
    return reasons.empty() ? redirected(c.sample, from.network, EBN_PATH_OUT, c.ip, rewrite)
                           : dropped(from.network, reasons);
  }
  const Party* client = scene_.party(flow.value.peer_slot);
  if (client == nullptr || client->sandbox != flow.value.peer_sandbox) {
    return dropped(from.network, {EBN_DROP_UNKNOWN_ENDPOINT});
  }
  rewrite.eth_dst = client->mac;
  rewrite.eth_src = client->gateway_mac;
  rewrite.dst = client->ip;
  rewrite.quoted_src = client->ip;
  rewrite.quoted_ports->source = flow.peer_port();
  return redirected(c.sample, client->network, EBN_PATH_PUBLISHED, c.ip, rewrite);
}

} // namespace ebpfnet::packet
