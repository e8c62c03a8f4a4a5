// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What leaves a sandbox through NAT: packets of known flows (masqueraded ones, replies to clients
// of published ports) and new masqueraded flows.
#pragma once

#include "bpf/lib/fragment.bpf.h"
#include "bpf/lib/icmp6_answer.bpf.h"
#include "bpf/lib/icmp_error.bpf.h"
#include "bpf/lib/masquerade.bpf.h"
#include "bpf/lib/publish.bpf.h"
#include "bpf/lib/reset.bpf.h"

// Gives p the source by which the host's stack knows the endpoint (overlapping networks).
EBN_GLOBAL bool show_host_address(struct __sk_buff* skb, const struct packet* p, __u32 slot) {
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!p || !ep) {
    return false;
  }
  const struct ebn_addr own = *address_of(ep, p->family);
  const struct ebn_addr seen = host_address_of(ep, slot, p->family);
  return addr_is_none(&seen) || swap_address(skb, p, &own, &seen);
}

// To the host's own stack, which answers for itself or with the ICMP error that fits. An endpoint
// of an overlapping network shows the address that is unique on this host.
static __always_inline struct verdict to_stack(struct __sk_buff* skb, const struct packet* p,
                                               const struct ebn_endpoint* ep, __u32 slot) {
  count(ep->network, EBN_PATH_BRIDGE, skb->len);
  if (addr_is_none(&ep->host_addr) && !(ep->flags & EBN_EP_HOST6)) {
    return to_kernel();
  }
  return show_host_address(skb, p, slot) ? to_kernel() : drop(EBN_DROP_WRITE_FAILED);
}

// A packet that cannot be forwarded: the sender learns why.
static __always_inline struct verdict without_way(struct __sk_buff* skb, const struct packet* p,
                                                  const struct ebn_endpoint* ep, __u32 slot,
                                                  const struct route* route) {
  if (p->family == EBN_AF_INET6 && p->ttl <= 1) {
    return answer_icmp6(skb, p, ep, slot, ICMPV6_TIME_EXCEED << 8, 0, EBN_DROP_HOP_LIMIT);
  }
  if (p->family == EBN_AF_INET6 && route && route->mtu) {
    return answer_icmp6(skb, p, ep, slot, ICMPV6_PKT_TOOBIG << 8, route->mtu, EBN_DROP_TOO_BIG);
  }
  return to_stack(skb, p, ep, slot);
}

// Out by the host's routing table, with a source that the outside can answer.
static __always_inline struct verdict route_out(struct __sk_buff* skb, const struct packet* p,
                                                const struct ebn_endpoint* ep,
                                                const struct ebn_addr* src, __be16 sport,
                                                struct route* route) {
  struct translation t = translation_of(p);
  t.src = *src;
  t.sport = sport;
  t.ttl = p->ttl - 1;
  count(ep->network, EBN_PATH_OUT, skb->len);
  if (!translate(skb, p, &t)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  return send_out(route);
}

// What the translation of a packet needs of its flow. A copy: the entry may be gone once the flow
// was promoted.
struct way {
  struct ebn_addr nat;
  __u32 peer_slot;
  __u32 peer_sandbox;
  __be16 nat_port;
  __be16 peer_port;
  __u8 kind;
};

static __always_inline void way_of(struct way* out, const struct ebn_flow* flow) {
  out->nat = flow->nat;
  out->peer_slot = flow->peer_slot;
  out->peer_sandbox = flow->peer_sandbox;
  out->nat_port = flow->nat_port;
  out->peer_port = flow->peer_port;
  out->kind = flow->kind;
}

// A server's reply to a client on this host, back to the client's endpoint.
static __always_inline struct verdict
to_neighbour_client(struct __sk_buff* skb, const struct packet* p, const struct way* way) {
  const __u32 slot = way->peer_slot;
  const struct ebn_endpoint* client = endpoint_at(slot);
  if (!client || client->sandbox != way->peer_sandbox) { // the slot may have a new owner
    return drop(EBN_DROP_UNKNOWN_ENDPOINT);
  }
  if (too_big(skb, p->ip_len, client->mtu)) {
    return drop(EBN_DROP_TOO_BIG);
  }
  struct translation t = translation_of(p);
  t.src = way->nat;
  t.sport = way->nat_port;
  t.dst = *address_of(client, p->family);
  t.dport = way->peer_port;
  t.ttl = ttl_after_hop(p->ttl);
  count(client->network, EBN_PATH_PUBLISHED, skb->len);
  if (!translate(skb, p, &t)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  return deliver_routed(skb, slot, client);
}

// A server's reply makes a new flow an established one; for TCP, the client's next segment does.
// 0 or a drop reason.
static __always_inline int note_reply(struct ebn_flow* flow, const struct ebn_flow_key* key) {
  if (flow->proto != EBN_PROTO_TCP) {
    return promote(key);
  }
  if (!(flow->flags & EBN_FLOW_REPLIED)) {
    flow->flags |= EBN_FLOW_REPLIED;
  }
  return EBN_DROP_NONE;
}

// A packet of a known flow.
static __always_inline struct verdict out_of_flow(struct __sk_buff* skb, const struct packet* p,
                                                  const struct ebn_endpoint* ep, __u32 slot,
                                                  const struct ebn_flow_key* key,
                                                  struct flow_ref found) {
  struct ebn_flow* flow = found.flow;
  struct way way;
  way_of(&way, flow);
  flow_touch(flow, p->tcp_flags, true);
  if (way.kind == EBN_FLOW_MASQUERADE && found.established) {
    masq_verify(p, key, flow);
  }
  if (way.kind != EBN_FLOW_MASQUERADE && !found.established) {
    const int refused = note_reply(flow, key);
    if (refused) {
      return drop(refused);
    }
  }
  if (way.kind == EBN_FLOW_NEIGHBOUR) {
    return to_neighbour_client(skb, p, &way);
  }
  struct route* route = p->ttl > 1 ? find_route_again(skb, p, ep->network) : NULL;
  if (!has_way(route)) {
    return without_way(skb, p, ep, slot, route);
  }
  return route_out(skb, p, ep, &way.nat, way.nat_port, route);
}

// Whether a packet without a flow may begin one towards the outside.
static __always_inline bool opens_flow(const struct packet* p) {
  if (p->proto == EBN_PROTO_TCP) {
    return (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
  }
  return p->proto == EBN_PROTO_UDP || icmp_asks(p->proto, p->icmp_type);
}

// To a sandbox whose segment belongs to no connection. Counted as a drop all the same.
static __always_inline struct verdict reset_to_container(struct __sk_buff* skb,
                                                         const struct packet* p, __u32 slot) {
  if (!deserves_reset(p) || !make_reset(skb, p)) {
    return drop(EBN_DROP_NO_FLOW);
  }
  return (struct verdict){deliver(skb, slot).action, EBN_DROP_NO_FLOW};
}

static __always_inline struct verdict masquerade_new(struct __sk_buff* skb, const struct packet* p,
                                                     const struct ebn_endpoint* ep, __u32 slot,
                                                     const struct ebn_flow_key* key) {
  if (!opens_flow(p)) {
    return reset_to_container(skb, p, slot);
  }
  struct route* route = p->ttl > 1 ? find_route_again(skb, p, ep->network) : NULL;
  if (!has_way(route)) {
    return without_way(skb, p, ep, slot, route);
  }
  struct masq_source source = {slot, route->ifindex, {}, 0};
  const int refused = masq_begin(skb, p, key, &source);
  if (refused) {
    return drop(refused);
  }
  return route_out(skb, p, ep, &source.addr, source.port, route);
}
