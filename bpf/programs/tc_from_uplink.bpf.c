// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What comes from the outside: replies to masqueraded flows and clients of published ports go
// straight into the sandbox; everything else is the host's own and passes untouched.
#include "bpf/lib/fragment.bpf.h"
#include "bpf/lib/host_socket.bpf.h"
#include "bpf/lib/icmp_error.bpf.h"
#include "bpf/lib/masquerade.bpf.h"
#include "bpf/lib/publish.bpf.h"
#include "bpf/lib/reset.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool in_masq_range(__be16 port) {
  const __u16 host = bpf_ntohs(port);
  return host >= cfg.masq_first && host <= cfg.masq_last;
}

// The reserved tuple that p answers, or NULL.
static __always_inline const struct ebn_masq* find_masq(const struct packet* p) {
  struct ebn_masq_key key = {};
  key.host = p->dst;
  key.remote = p->src;
  key.host_port = p->dport;
  key.remote_port = p->sport;
  key.proto = p->proto;
  return bpf_map_lookup_elem(&masq_ports, &key);
}

// The sandbox's side of the flow that p, which comes from the other side, belongs to.
static __always_inline void to_inside(struct translation* t, const struct packet* p,
                                      const struct ebn_flow_key* key) {
  const bool remote_is_lo = addr_equal(&key->lo, &p->src) && key->lo_port == p->sport;
  t->dst = remote_is_lo ? key->hi : key->lo;
  t->dport = remote_is_lo ? key->hi_port : key->lo_port;
}

// A reply from the outside to the sandbox that asked. The first one makes the flow an established
// one.
EBN_GLOBAL int masq_reply(struct __sk_buff* skb, struct packet* p) {
  const struct ebn_masq* masq = p ? find_masq(p) : NULL;
  if (!masq) {
    return TC_ACT_UNSPEC;
  }
  const struct ebn_flow_key key = masq->flow;
  const __u32 slot = masq->slot;
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!ep || ep->sandbox != key.sandbox) { // the slot may have a new owner
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  struct flow_ref found = flow_find(&key);
  if (!found.flow) {
    const int refused = masq_restore(p, &key, slot);
    if (refused) {
      return finish(ep->network, drop(refused));
    }
    found = flow_find(&key);
  }
  if (!found.flow) {
    return finish(ep->network, drop(EBN_DROP_FLOW_TABLE_FULL));
  }
  flow_touch(found.flow, p->tcp_flags, false);
  if (!found.established) {
    const int refused = promote(&key);
    if (refused) {
      return finish(ep->network, drop(refused));
    }
  }
  if (too_big(skb, p->ip_len, ep->mtu)) {
    return finish(ep->network, drop(EBN_DROP_TOO_BIG));
  }
  struct translation t = translation_of(p);
  to_inside(&t, p, &key);
  t.ttl = ttl_after_hop(p->ttl);
  count(ep->network, EBN_PATH_IN, skb->len);
  if (!translate(skb, p, &t)) {
    return finish(ep->network, drop(EBN_DROP_WRITE_FAILED));
  }
  return finish(ep->network, deliver_routed(skb, slot, ep));
}

// A segment to a published port of no known connection: the host's own, which opened it from a
// local port that was published later, or answered by a reset.
static __always_inline struct verdict stray_segment(struct __sk_buff* skb, const struct packet* p) {
  if (host_socket_has(skb, EBN_PROTO_TCP, &p->src, p->sport, &p->dst, p->dport)) {
    return to_kernel();
  }
  if (!deserves_reset(p) || !make_reset(skb, p)) {
    return drop(EBN_DROP_NO_FLOW);
  }
  return (struct verdict){(int)bpf_redirect(skb->ifindex, 0), EBN_DROP_NO_FLOW};
}

// A client of a published port.
EBN_GLOBAL int client_from_uplink(struct __sk_buff* skb, struct packet* p) {
  struct work* work = work_space();
  if (!p || !work) {
    return TC_ACT_UNSPEC;
  }
  struct inbound* in = &work->in;
  const struct ebn_addr dst = p->dst;
  const struct ebn_publish* record = find_published(published_chain(p->proto, p->dport), p);
  if (!record || !is_host_address(&dst)) {
    return TC_ACT_UNSPEC;
  }
  in->slot = record->slot;
  in->target = target_port(record, p->dport);
  in->remote = p->src;
  in->remote_port = p->sport;
  in->peer_slot = 0;
  in->peer_sandbox = 0;
  const struct ebn_endpoint* server = endpoint_at(in->slot);
  const struct ebn_network* net = server ? network_at(server->network) : NULL;
  if (!net) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  if (addr_is_none(address_of(server, p->family))) { // held for the other family's sake
    return TC_ACT_UNSPEC;
  }
  if (net->flags & EBN_NET_INTERNAL) {
    return finish(server->network, drop(EBN_DROP_INTERNAL));
  }
  flow_key(&in->key, server->sandbox, p->proto, address_of(server, p->family), in->target, &p->src,
           p->sport);
  const struct verdict v = to_published(skb, p, in, server, EBN_PATH_IN);
  return finish(server->network, v.reason == EBN_DROP_NO_FLOW ? stray_segment(skb, p) : v);
}

// The slot whose flow back belongs to and, in *t, the translation of back. 0: of no flow.
static __always_inline __u32 owner_of_quoted(const struct packet* back, struct translation* t) {
  struct ebn_flow_key key;
  const struct ebn_masq* masq = in_masq_range(back->dport) ? find_masq(back) : NULL;
  if (masq) {
    key = masq->flow;
    const struct ebn_endpoint* ep = endpoint_at(masq->slot);
    to_inside(t, back, &key);
    return ep && ep->sandbox == key.sandbox ? masq->slot : 0;
  }
  const struct ebn_publish* record =
      find_published(published_chain(back->proto, back->dport), back);
  const struct ebn_endpoint* server = record ? endpoint_at(record->slot) : NULL;
  if (!server) {
    return 0;
  }
  t->dst = *address_of(server, back->family);
  t->dport = target_port(record, back->dport);
  flow_key(&key, server->sandbox, back->proto, &t->dst, t->dport, &back->src, back->sport);
  const struct ebn_flow* flow = flow_find(&key).flow;
  return flow && flow->kind == EBN_FLOW_PUBLISHED && flow->nat_port == back->dport &&
                 addr_equal(&flow->nat, &back->dst)
             ? record->slot
             : 0;
}

// An ICMP error about a packet that a sandbox sent through NAT: to the sandbox, as the packet
// looked there. All others are the host's.
EBN_GLOBAL int error_from_uplink(struct __sk_buff* skb, const struct packet* p) {
  struct work* work = work_space();
  if (!p || !work || !parse_quoted(skb, p)) {
    return TC_ACT_UNSPEC;
  }
  work->t = translation_of(&work->back);
  const __u32 slot = owner_of_quoted(&work->back, &work->t);
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!ep || !addr_equal(&p->dst, &work->back.dst)) {
    return TC_ACT_UNSPEC;
  }
  work->outer = translation_of(p); // from a router on the way, whose address stays
  work->outer.dst = work->t.dst;
  work->outer.ttl = ttl_after_hop(p->ttl);
  count(ep->network, EBN_PATH_IN, skb->len);
  return finish(ep->network, translate_error(skb, p) ? deliver_routed(skb, slot, ep)
                                                     : drop(EBN_DROP_WRITE_FAILED));
}

// A frame of a VLAN belongs to the VLAN's own device, where this program sees it again, untagged.
// Number 0 is a priority and no VLAN (IEEE 802.1Q). The tag alone says nothing before Linux 6.2.
static __always_inline bool is_of_vlan(const struct __sk_buff* skb) {
  return skb->vlan_present && skb->vlan_tci & VLAN_VID_MASK;
}

SEC("tc")
int tc_from_uplink(struct __sk_buff* skb) {
  if (is_of_vlan(skb) || skb->pkt_type != EBN_PACKET_HOST) {
    return TC_ACT_UNSPEC;
  }
  struct packet* p = parse_here(skb);
  if (!p) {
    return TC_ACT_UNSPEC;
  }
  if (needs_fragment_ports(p) && !fragment_ports(p, 0)) {
    return TC_ACT_UNSPEC;
  }
  if (p->has_ports && in_masq_range(p->dport)) {
    return masq_reply(skb, p);
  }
  if (published_chain(p->proto, p->dport)) {
    return client_from_uplink(skb, p);
  }
  return is_icmp_error(p) ? error_from_uplink(skb, p) : TC_ACT_UNSPEC;
}
