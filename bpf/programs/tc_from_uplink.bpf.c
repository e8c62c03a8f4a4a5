// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What comes from the outside: replies to masqueraded flows and clients of published ports go
// straight into the sandbox; everything else is the host's own and passes untouched.
#include "bpf/lib/fragment.bpf.h"
#include "bpf/lib/masquerade.bpf.h"
#include "bpf/lib/publish.bpf.h"

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
  if (!ep) {
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
  flow_touch(found.flow, found.established, p->tcp_flags, false);
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
  const bool remote_is_lo = addr_equal(&key.lo, &p->src) && key.lo_port == p->sport;
  t.dst = remote_is_lo ? key.hi.w[3] : key.lo.w[3];
  t.dport = remote_is_lo ? key.hi_port : key.lo_port;
  t.ttl = ttl_after_hop(p->ttl);
  count(ep->network, EBN_PATH_IN, skb->len);
  if (!translate(skb, p, &t)) {
    return finish(ep->network, drop(EBN_DROP_WRITE_FAILED));
  }
  return finish(ep->network, deliver_routed(skb, slot, ep));
}

// A client of a published port. A segment that belongs to a socket of the host's own (an old
// connection from the same local port) is left to it.
EBN_GLOBAL int client_from_uplink(struct __sk_buff* skb, struct packet* p) {
  struct inbound* in = inbound_scratch();
  const struct ebn_publish* record =
      p && in ? find_published(published_chain(p->proto, p->dport), p) : NULL;
  if (!record || !is_host_address(&p->dst)) {
    return TC_ACT_UNSPEC;
  }
  in->slot = record->slot;
  in->target = target_port(record, p->dport);
  in->remote = p->src;
  in->remote_port = p->sport;
  in->peer_slot = 0;
  const struct ebn_endpoint* server = endpoint_at(in->slot);
  const struct ebn_network* net = server ? network_at(server->network) : NULL;
  if (!net) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  if (net->flags & EBN_NET_INTERNAL) {
    return finish(server->network, drop(EBN_DROP_INTERNAL));
  }
  flow_key(&in->key, server->sandbox, p->proto, &server->addr4, in->target, &p->src, p->sport);
  return finish(server->network, to_published(skb, p, in, server, EBN_PATH_IN));
}

SEC("tc")
int tc_from_uplink(struct __sk_buff* skb) {
  struct packet p;
  if (skb->protocol != bpf_htons(EBN_ETH_P_IP) || skb->pkt_type != EBN_PACKET_HOST ||
      !parse_ipv4(skb, &p)) {
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
  return TC_ACT_UNSPEC;
}
