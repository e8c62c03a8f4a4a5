// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ports: who serves (protocol, host address, port), and the flow that a client's packet
// belongs to.
#pragma once

#include "bpf/lib/conntrack.bpf.h"
#include "bpf/lib/endpoint.bpf.h"
#include "maps/defs/host_addrs.bpf.h"
#include "maps/defs/port_index.bpf.h"
#include "maps/defs/published.bpf.h"

// The chain that (proto, port) belongs to, or 0. One inlined array read.
static __always_inline __u32 published_chain(__u8 proto, __be16 port) {
  __u32 row = bpf_ntohs(port);
  if (proto == EBN_PROTO_UDP) {
    row += EBN_PORT_ROW_UDP;
  } else if (proto != EBN_PROTO_TCP) {
    return 0;
  }
  const __u64* first = bpf_map_lookup_elem(&port_index, &row);
  return first ? (__u32)*first : 0;
}

static __always_inline bool is_host_address(const struct ebn_addr* addr) {
  return bpf_map_lookup_elem(&host_addrs, addr) != NULL;
}

static __always_inline bool publish_matches(const struct ebn_publish* record,
                                            const struct packet* p) {
  const __u16 port = bpf_ntohs(p->dport);
  const __u8 any = addr_is_v4(&p->dst) ? EBN_PUB_ANY4 : EBN_PUB_ANY6;
  return record->proto == p->proto && port >= record->first && port <= record->last &&
         (record->flags & any || addr_equal(&record->host, &p->dst));
}

// The record that serves p, walking the chain of overlapping ranges.
static __always_inline const struct ebn_publish* find_published(__u32 chain,
                                                                const struct packet* p) {
  for (int i = 0; i < EBN_MAX_PUBLISH_CHAIN && chain; i++) {
    const struct ebn_publish* record = bpf_map_lookup_elem(&published, &chain);
    if (!record) {
      break;
    }
    if (publish_matches(record, p)) {
      return record;
    }
    chain = record->next;
  }
  return NULL;
}

static __always_inline __be16 target_port(const struct ebn_publish* record, __be16 host_port) {
  return bpf_htons(record->target + (bpf_ntohs(host_port) - record->first));
}

// A client's packet on its way to the endpoint that serves. `remote` is the client as the endpoint
// sees it.
struct inbound {
  struct ebn_flow_key key;
  struct ebn_addr remote;
  __be16 remote_port;
  __be16 target;
  __u32 slot;
  __u32 peer_slot; // the client's endpoint, 0 for one outside this host
};

static __always_inline bool same_inbound(const struct ebn_flow* flow, const struct packet* p,
                                         const struct inbound* in) {
  return flow->slot == in->slot && flow->peer_slot == in->peer_slot && flow->nat_port == p->dport &&
         addr_equal(&flow->nat, &p->dst);
}

// Finds or begins the flow of p. 0 or a drop reason. A SYN on an ended flow begins anew; a segment
// without a flow does not make one.
static __noinline int inbound_flow(const struct packet* p, const struct inbound* in) {
  const struct ebn_flow_key* key = &in->key;
  const bool opens =
      p->proto != EBN_PROTO_TCP || (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
  struct flow_ref found = flow_find(key);
  if (found.flow && found.established && opens && found.flow->kind != EBN_FLOW_MASQUERADE &&
      flow_is_closed(found.flow)) {
    if (!bpf_map_delete_elem(&flows, key)) {
      quota_give(key->sandbox);
    }
    found.flow = NULL;
  }
  if (found.flow && (found.established || same_inbound(found.flow, p, in))) {
    if (!same_inbound(found.flow, p, in)) {
      return EBN_DROP_NAT_COLLISION;
    }
    flow_touch(found.flow, found.established, p->tcp_flags, false);
    return EBN_DROP_NONE;
  }
  if (!opens) {
    return EBN_DROP_NO_FLOW;
  }
  struct ebn_flow flow = {};
  flow.nat = p->dst;
  flow.nat_port = p->dport;
  flow.kind = in->peer_slot ? EBN_FLOW_NEIGHBOUR : EBN_FLOW_PUBLISHED;
  flow.proto = p->proto;
  flow.slot = in->slot;
  flow.peer_slot = in->peer_slot;
  flow.peer_port = p->sport;
  flow.active = 1;
  flow.created_ns = bpf_ktime_get_ns();
  return bpf_map_update_elem(&new_flows, key, &flow, BPF_ANY) ? EBN_DROP_FLOW_TABLE_FULL
                                                              : EBN_DROP_NONE;
}

// Delivers a client's packet to the endpoint of its record.
static __always_inline struct verdict to_published(struct __sk_buff* skb, const struct packet* p,
                                                   const struct inbound* in,
                                                   const struct ebn_endpoint* server,
                                                   enum ebn_path path) {
  const int refused = inbound_flow(p, in);
  if (refused) {
    return drop(refused);
  }
  if (too_big(skb, p->ip_len, server->mtu)) {
    return drop(EBN_DROP_TOO_BIG);
  }
  struct translation t = translation_of(p);
  t.src = in->remote.w[3];
  t.sport = in->remote_port;
  t.dst = server->addr4.w[3];
  t.dport = in->target;
  t.ttl = ttl_after_hop(p->ttl);
  count(server->network, path, skb->len);
  if (!translate(skb, p, &t)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  return deliver_routed(skb, in->slot, server);
}
