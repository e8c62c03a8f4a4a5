// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ports: who serves (protocol, host address, port), and the flow that a client's packet
// belongs to.
#pragma once

#include "bpf/lib/conntrack.bpf.h"
#include "bpf/lib/endpoint.bpf.h"
#include "bpf/lib/published.bpf.h"
#include "bpf/lib/work.bpf.h"
#include "maps/defs/host_addrs.bpf.h"
#include "maps/defs/subnets.bpf.h"

// `addr` is no parameter's of a global function, since it becomes a key in place (see EBN_GLOBAL).
static __always_inline bool is_host_address(const struct ebn_addr* addr) {
  return bpf_map_lookup_elem(&host_addrs, addr) != NULL;
}

// Whether the address belongs to a network of this host.
static __always_inline bool in_some_subnet(const struct ebn_addr* addr) {
  const struct ebn_subnet_key key = {128, *addr};
  return bpf_map_lookup_elem(&subnets, &key) != NULL;
}

// The record that serves p.
static __always_inline const struct ebn_publish* find_published(__u32 chain,
                                                                const struct packet* p) {
  return published_for(chain, p->proto, &p->dst, p->dport);
}

static __always_inline bool same_inbound(const struct ebn_flow* flow, const struct packet* p,
                                         const struct inbound* in) {
  return flow->slot == in->slot && flow->peer_slot == in->peer_slot && flow->nat_port == p->dport &&
         addr_equal(&flow->nat, &p->dst);
}

// The client's segment that completes a handshake. Not before it is the flow an established one:
// the answer of a server to a forged SYN proves nothing.
static __always_inline bool completes_handshake(const struct ebn_flow* flow,
                                                const struct packet* p) {
  return p->proto == EBN_PROTO_TCP && flow->flags & EBN_FLOW_REPLIED &&
         (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;
}

static __always_inline int begin_inbound(const struct packet* p, struct work* work) {
  const struct inbound* in = &work->in;
  struct ebn_flow* flow = &work->flow;
  __builtin_memset(flow, 0, sizeof *flow);
  flow->nat = p->dst;
  flow->nat_port = p->dport;
  flow->kind = in->peer_slot ? EBN_FLOW_NEIGHBOUR : EBN_FLOW_PUBLISHED;
  flow->proto = p->proto;
  flow->slot = in->slot;
  flow->peer_slot = in->peer_slot;
  flow->peer_sandbox = in->peer_sandbox;
  flow->peer_port = p->sport;
  flow->active = 1;
  flow->created_ns = bpf_ktime_get_coarse_ns();
  return bpf_map_update_elem(&new_flows, &in->key, flow, BPF_ANY) ? EBN_DROP_FLOW_TABLE_FULL
                                                                  : EBN_DROP_NONE;
}

// Finds or begins the flow of p, as the scratch space has it. 0 or a drop reason. A SYN on an ended
// flow begins anew; a segment without a flow does not make one.
EBN_GLOBAL int inbound_flow(const struct packet* p) {
  struct work* work = work_space();
  if (!p || !work) {
    return EBN_DROP_NO_FLOW;
  }
  const struct inbound* in = &work->in;
  const struct ebn_flow_key* key = &in->key;
  const bool opens =
      p->proto != EBN_PROTO_TCP || (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
  struct flow_ref found = flow_find(key);
  if (found.flow && opens && flow_is_closed(found.flow)) {
    if (found.established) {
      flow_remove(key);
    }
    found.flow = NULL;
  }
  if (found.flow && same_inbound(found.flow, p, in)) {
    flow_touch(found.flow, p->tcp_flags, false);
    if (!found.established && completes_handshake(found.flow, p)) {
      return promote(key);
    }
    return EBN_DROP_NONE;
  }
  if (found.flow && found.established) {
    return EBN_DROP_NAT_COLLISION;
  }
  // What comes from outside cannot have an address of the inside, and gets no answer there.
  if (!in->peer_slot && (is_martian(&p->src) || in_some_subnet(&p->src))) {
    return EBN_DROP_MARTIAN;
  }
  return opens ? begin_inbound(p, work) : EBN_DROP_NO_FLOW;
}

// Delivers a client's packet to the endpoint of its record.
static __always_inline struct verdict to_published(struct __sk_buff* skb, const struct packet* p,
                                                   const struct inbound* in,
                                                   const struct ebn_endpoint* server,
                                                   enum ebn_path path) {
  const int refused = inbound_flow(p);
  if (refused) {
    return drop(refused);
  }
  if (too_big(skb, p->ip_len, server->mtu)) {
    return drop(EBN_DROP_TOO_BIG);
  }
  struct translation t = translation_of(p);
  t.src = in->remote;
  t.sport = in->remote_port;
  t.dst = *address_of(server, p->family);
  t.dport = in->target;
  t.ttl = ttl_after_hop(p->ttl);
  count(server->network, path, skb->len);
  if (!translate(skb, p, &t)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  return deliver_routed(skb, in->slot, server);
}
