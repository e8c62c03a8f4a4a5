// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Masquerading: a flow from a sandbox to the outside gets a host address and a port of the
// exclusive range. A port is free per (host address, remote address, remote port, protocol);
// inserting the tuple without overwriting reserves it.
#pragma once

#include "bpf/lib/conntrack.bpf.h"
#include "bpf/lib/host_socket.bpf.h"
#include "bpf/lib/route.bpf.h"
#include "maps/defs/uplinks.bpf.h"

enum {
  MASQ_TRIES = 64, // ports tried before a new flow is refused
};

// Whether a socket of the host itself uses this port: one that was bound explicitly inside the
// range.
static __always_inline bool host_socket_uses(struct __sk_buff* skb,
                                             const struct ebn_masq_key* key) {
  if (key->proto == EBN_PROTO_ICMP || key->proto == EBN_PROTO_ICMPV6) {
    return false;
  }
  return host_socket_has(skb, key->proto, &key->remote, key->remote_port, &key->host,
                         key->host_port);
}

// A masqueraded flow: who sends and by which uplink, and what the outside sees of it.
struct masq_source {
  __u32 slot;
  __u32 ifindex;
  struct ebn_addr addr;
  __be16 port;
};

// Finds a free port for the flow `key` of p, starting at a random one, and reserves it; slot and
// ifindex of *out are given, address and port are the answer. 0 or a drop reason.
EBN_GLOBAL int reserve_port(struct __sk_buff* skb, const struct packet* p,
                            const struct ebn_flow_key* key, struct masq_source* out) {
  struct work* work = work_space();
  if (!p || !key || !out || !work) {
    return EBN_DROP_NO_FLOW;
  }
  const __u32 ports = (__u32)cfg.masq_last - cfg.masq_first + 1;
  const __u32 start = bpf_get_prandom_u32();
  struct ebn_masq_key* reserved = &work->reserved;
  struct ebn_masq* value = &work->masq;
  const __u32 ifindex = out->ifindex;
  const struct ebn_uplink* uplink = bpf_map_lookup_elem(&uplinks, &ifindex);
  if (!uplink) {
    return EBN_DROP_NO_UPLINK_ADDRESS;
  }
  reserved->host = addr_is_v4(&p->dst) ? uplink->addr4 : uplink->addr6;
  if (addr_is_none(&reserved->host)) {
    return EBN_DROP_NO_UPLINK_ADDRESS;
  }
  if (!quota_take(key->sandbox)) {
    return EBN_DROP_FLOW_QUOTA;
  }
  reserved->remote = p->dst;
  reserved->remote_port = p->dport;
  reserved->proto = p->proto;
  value->flow = *key;
  value->slot = out->slot;
  value->created_ns = bpf_ktime_get_coarse_ns();
  for (__u32 i = 0; i < MASQ_TRIES; i++) {
    // An odd stride near the golden ratio spreads the tries over the range.
    const __u16 port = cfg.masq_first + (start + i * 2654435761U) % ports;
    reserved->host_port = bpf_htons(port);
    int error = insert_new(&masq_ports, reserved, value);
    const bool free = !error && !host_socket_uses(skb, reserved);
    if (free && !clock_port(reserved, value->created_ns)) {
      out->addr = reserved->host;
      out->port = reserved->host_port;
      return EBN_DROP_NONE;
    }
    if (!error) {
      bpf_map_delete_elem(&masq_ports, reserved);
      error = free ? -EBN_ENOMEM : -EBN_EEXIST;
    }
    if (error != -EBN_EEXIST) {
      quota_give(key->sandbox);
      return EBN_DROP_FLOW_TABLE_FULL;
    }
  }
  quota_give(key->sandbox);
  return EBN_DROP_PORTS_EXHAUSTED;
}

static __always_inline void masq_flow_of(struct ebn_flow* out, const struct packet* p, __u32 slot,
                                         const struct ebn_addr* addr, __be16 port) {
  __builtin_memset(out, 0, sizeof *out);
  out->nat = *addr;
  out->nat_port = port;
  out->kind = EBN_FLOW_MASQUERADE;
  out->proto = p->proto;
  out->slot = slot;
  out->active = 1;
  out->created_ns = bpf_ktime_get_coarse_ns();
}

// Records the flow whose port is reserved. 0 or a drop reason; in the latter case the clock ends
// the reservation.
static __noinline int record_masq_flow(const struct packet* p, const struct ebn_flow_key* key,
                                       const struct masq_source* source) {
  struct work* work = work_space();
  if (!work) {
    return EBN_DROP_FLOW_TABLE_FULL;
  }
  masq_flow_of(&work->flow, p, source->slot, &source->addr, source->port);
  return bpf_map_update_elem(&new_flows, key, &work->flow, BPF_ANY) ? EBN_DROP_FLOW_TABLE_FULL
                                                                    : EBN_DROP_NONE;
}

// Puts back a flow whose reservation still stands, from the reply p. 0 or a drop reason.
static __noinline int masq_restore(const struct packet* p, const struct ebn_flow_key* key,
                                   __u32 slot) {
  struct work* work = work_space();
  if (!work) {
    return EBN_DROP_FLOW_TABLE_FULL;
  }
  masq_flow_of(&work->flow, p, slot, &p->dst, p->dport);
  const int error = insert_new(&new_flows, key, &work->flow);
  return error && error != -EBN_EEXIST ? EBN_DROP_FLOW_TABLE_FULL : EBN_DROP_NONE;
}

// Begins a masqueraded flow, as reserve_port does with *source: 0 or a drop reason.
static __always_inline int masq_begin(struct __sk_buff* skb, const struct packet* p,
                                      const struct ebn_flow_key* key, struct masq_source* source) {
  const int refused = reserve_port(skb, p, key, source);
  return refused ? refused : record_masq_flow(p, key, source);
}

// Puts back the reservation of a live flow whose entry is gone, so that replies find it again.
// `key` and `p` are those of a packet from the sandbox. Looked at every 16th packet of a flow,
// which keeps the cost per packet near 2 ns.
EBN_GLOBAL int masq_repair(const struct packet* p, const struct ebn_flow_key* key) {
  if (!p || !key) {
    return 0;
  }
  struct ebn_masq_key reserved = {};
  struct ebn_masq value = {};
  value.flow = *key;
  const struct ebn_flow* flow = bpf_map_lookup_elem(&flows, &value.flow);
  if (!flow) {
    return 0;
  }
  reserved.host = flow->nat;
  reserved.host_port = flow->nat_port;
  reserved.remote = p->dst;
  reserved.remote_port = p->dport;
  reserved.proto = p->proto;
  value.slot = flow->slot;
  return (int)bpf_map_update_elem(&masq_ports, &reserved, &value, BPF_NOEXIST);
}

static __always_inline void masq_verify(const struct packet* p, const struct ebn_flow_key* key,
                                        struct ebn_flow* flow) {
  flow->unchecked += 1;
  if ((flow->unchecked & 15) == 0) {
    masq_repair(p, key);
  }
}
