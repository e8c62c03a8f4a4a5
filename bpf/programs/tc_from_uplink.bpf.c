// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What comes from the outside: replies to masqueraded flows and clients of published ports go
// straight into the sandbox; everything else is the host's own and passes untouched.
#include "bpf/lib/fragment.bpf.h"
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
  t->dst = remote_is_lo ? key->hi.w[3] : key->lo.w[3];
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

// Whether a socket of the host itself has this connection: one that it opened from a local port
// that was published later.
static __always_inline bool host_socket_has(struct __sk_buff* skb, const struct packet* p) {
  struct bpf_sock_tuple tuple = {};
  tuple.ipv4.saddr = p->src.w[3];
  tuple.ipv4.daddr = p->dst.w[3];
  tuple.ipv4.sport = p->sport;
  tuple.ipv4.dport = p->dport;
  struct bpf_sock* sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof tuple.ipv4, BPF_F_CURRENT_NETNS, 0);
  if (sk) {
    bpf_sk_release(sk);
  }
  return sk != NULL;
}

// A segment to a published port of no known connection: the host's own, or answered by a reset.
static __always_inline struct verdict stray_segment(struct __sk_buff* skb, const struct packet* p) {
  if (host_socket_has(skb, p)) {
    return to_kernel();
  }
  if (!deserves_reset(p) || !make_reset(skb, p)) {
    return drop(EBN_DROP_NO_FLOW);
  }
  return (struct verdict){(int)bpf_redirect(skb->ifindex, 0), EBN_DROP_NO_FLOW};
}

// A client of a published port.
EBN_GLOBAL int client_from_uplink(struct __sk_buff* skb, struct packet* p) {
  struct inbound* in = inbound_scratch();
  if (!p || !in) {
    return TC_ACT_UNSPEC;
  }
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
  if (net->flags & EBN_NET_INTERNAL) {
    return finish(server->network, drop(EBN_DROP_INTERNAL));
  }
  flow_key(&in->key, server->sandbox, p->proto, &server->addr4, in->target, &p->src, p->sport);
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
  t->dst = server->addr4.w[3];
  t->dport = target_port(record, back->dport);
  flow_key(&key, server->sandbox, back->proto, &server->addr4, t->dport, &back->src, back->sport);
  const struct ebn_flow* flow = flow_find(&key).flow;
  return flow && flow->kind == EBN_FLOW_PUBLISHED && flow->nat_port == back->dport &&
                 addr_equal(&flow->nat, &back->dst)
             ? record->slot
             : 0;
}

// An ICMP error about a packet that a sandbox sent through NAT: to the sandbox, as the packet
// looked there. All others are the host's.
EBN_GLOBAL int error_from_uplink(struct __sk_buff* skb, const struct packet* p) {
  struct packet back;
  if (!p || !parse_quoted(skb, p, &back)) {
    return TC_ACT_UNSPEC;
  }
  struct translation t = translation_of(&back);
  const __u32 slot = owner_of_quoted(&back, &t);
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!ep || !addr_equal(&p->dst, &back.dst)) {
    return TC_ACT_UNSPEC;
  }
  struct translation outer = translation_of(p); // from a router on the way, whose address stays
  outer.dst = t.dst;
  outer.ttl = ttl_after_hop(p->ttl);
  count(ep->network, EBN_PATH_IN, skb->len);
  return finish(ep->network, translate_error(skb, p, &back, &t, &outer)
                                 ? deliver_routed(skb, slot, ep)
                                 : drop(EBN_DROP_WRITE_FAILED));
}

// A frame of a VLAN belongs to the VLAN's own device, where this program sees it again, untagged.
// Number 0 is a priority and no VLAN (IEEE 802.1Q). The tag alone says nothing before Linux 6.2.
static __always_inline bool is_of_vlan(const struct __sk_buff* skb) {
  return skb->vlan_present && skb->vlan_tci & VLAN_VID_MASK;
}

SEC("tc")
int tc_from_uplink(struct __sk_buff* skb) {
  struct packet p;
  if (is_of_vlan(skb) || skb->protocol != bpf_htons(EBN_ETH_P_IP) ||
      skb->pkt_type != EBN_PACKET_HOST || !parse_ipv4(skb, &p)) {
    return TC_ACT_UNSPEC;
  }
  if (needs_fragment_ports(&p) && !fragment_ports(&p, 0)) {
    return TC_ACT_UNSPEC;
  }
  if (p.has_ports && in_masq_range(p.dport)) {
    return masq_reply(skb, &p);
  }
  if (published_chain(p.proto, p.dport)) {
    return client_from_uplink(skb, &p);
  }
  if (is_icmp_error(&p)) {
    return error_from_uplink(skb, &p);
  }
  return TC_ACT_UNSPEC;
}
