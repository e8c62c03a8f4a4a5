// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// State of translated flows: finding, creating, promoting on the first reply, and ending.
//
// A new flow lives in new_flows (LRU: floods evict each other, not connections) and moves to flows
// on its first reply. No packet reads the clock: a packet sets the entry's `active` byte, and the
// entry's timer, which runs every quarter of the time-out, clears it and removes the entry after
// four quarters without a packet (so between 1 and 1.25 times the time-out after the last one).
// bpf_timer: Linux 5.15.
#pragma once

#include "bpf/lib/parse.bpf.h"
#include "maps/defs/flows.bpf.h"
#include "maps/defs/masq_ports.bpf.h"
#include "maps/defs/new_flows.bpf.h"
#include "maps/defs/sandbox_flows.bpf.h"

// Seconds without a packet after which a flow ends.
enum {
  TIMEOUT_TCP = 432000, // 5 days, as the kernel's own tracking
  TIMEOUT_TCP_NEW = 120,
  TIMEOUT_TCP_HALF_CLOSED = 120,
  TIMEOUT_TCP_CLOSED = 20,
  TIMEOUT_UDP_NEW = 30,
  TIMEOUT_UDP = 180,
  TIMEOUT_ICMP = 30,
  QUARTERS = 4,
};

static __always_inline void flow_key(struct ebn_flow_key* key, __u32 sandbox, __u8 proto,
                                     const struct ebn_addr* a, __be16 a_port,
                                     const struct ebn_addr* b, __be16 b_port) {
  const int order = addr_compare(a, b);
  const bool a_first = order < 0 || (order == 0 && a_port < b_port);
  __builtin_memset(key, 0, sizeof *key);
  key->sandbox = sandbox;
  key->proto = proto;
  key->lo = a_first ? *a : *b;
  key->hi = a_first ? *b : *a;
  key->lo_port = a_first ? a_port : b_port;
  key->hi_port = a_first ? b_port : a_port;
}

static __always_inline __u64 timeout_new_seconds(__u8 proto) {
  return proto == EBN_PROTO_TCP   ? TIMEOUT_TCP_NEW
         : proto == EBN_PROTO_UDP ? TIMEOUT_UDP_NEW
                                  : TIMEOUT_ICMP;
}

static __always_inline __u64 timeout_seconds(const struct ebn_flow* flow) {
  const __u8 fins = flow->flags & (EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT);
  if (flow->proto == EBN_PROTO_TCP && (flow->flags & EBN_FLOW_RST || fins)) {
    const bool half = !(flow->flags & EBN_FLOW_RST) && fins != (EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT);
    return half ? TIMEOUT_TCP_HALF_CLOSED : TIMEOUT_TCP_CLOSED;
  }
  if (!(flow->flags & EBN_FLOW_REPLIED)) {
    return timeout_new_seconds(flow->proto);
  }
  return flow->proto == EBN_PROTO_TCP   ? TIMEOUT_TCP
         : flow->proto == EBN_PROTO_UDP ? TIMEOUT_UDP
                                        : TIMEOUT_ICMP;
}

static __always_inline __u64 quarter_ns(const struct ebn_flow* flow) {
  return timeout_seconds(flow) * (EBN_NS_PER_SEC / QUARTERS);
}

static __always_inline bool flow_is_closed(const struct ebn_flow* flow) {
  return flow->proto == EBN_PROTO_TCP &&
         (flow->flags & EBN_FLOW_RST ||
          (flow->flags & EBN_FLOW_FIN_IN && flow->flags & EBN_FLOW_FIN_OUT));
}

static __always_inline bool quota_take(__u32 sandbox) {
  __u32* used = bpf_map_lookup_elem(&sandbox_flows, &sandbox);
  if (!used || *used >= cfg.flow_quota) {
    return false;
  }
  __sync_fetch_and_add(used, 1);
  return true;
}

static __always_inline void quota_give(__u32 sandbox) {
  __u32* used = bpf_map_lookup_elem(&sandbox_flows, &sandbox);
  if (used && *used) {
    __sync_fetch_and_add(used, -1);
  }
}

// The reserved tuple of a masqueraded flow, if the sandbox's own side is the lower one of the key
// or not. The remote's side is the same inside and outside.
static __always_inline void masq_key_of(struct ebn_masq_key* out, const struct ebn_flow_key* key,
                                        const struct ebn_flow* flow, bool inside_is_lo) {
  __builtin_memset(out, 0, sizeof *out);
  out->host = flow->nat;
  out->host_port = flow->nat_port;
  out->remote = inside_is_lo ? key->hi : key->lo;
  out->remote_port = inside_is_lo ? key->hi_port : key->lo_port;
  out->proto = key->proto;
}

// Whether an idle entry must go now; otherwise its idle time goes on.
static __always_inline bool idle_too_long(struct ebn_flow* flow) {
  if (flow->active) {
    flow->active = 0;
    flow->idle_quarters = 0;
    return false;
  }
  flow->idle_quarters += 1;
  return flow->idle_quarters >= QUARTERS;
}

// Forgets the reserved tuple of a masqueraded flow. Both orders of the key are tried, since the
// flow does not store which side is inside.
static __noinline int masq_release(const struct ebn_flow_key* key, const struct ebn_flow* flow) {
  struct ebn_masq_key masq;
  masq_key_of(&masq, key, flow, true);
  if (bpf_map_delete_elem(&masq_ports, &masq)) {
    masq_key_of(&masq, key, flow, false);
    bpf_map_delete_elem(&masq_ports, &masq);
  }
  return 0;
}

static int flow_timer(void* map __attribute__((unused)), struct ebn_flow_key* key,
                      struct ebn_flow* flow) {
  if (!idle_too_long(flow)) {
    bpf_timer_start(&flow->timer, quarter_ns(flow), 0);
    return 0;
  }
  if (flow->kind == EBN_FLOW_MASQUERADE) {
    masq_release(key, flow);
  }
  quota_give(key->sandbox);
  bpf_map_delete_elem(&flows, key);
  return 0;
}

// Timer of a reserved tuple while its flow has no reply. Afterwards the flow's own timer decides.
static int masq_timer(void* map __attribute__((unused)), struct ebn_masq_key* key,
                      struct ebn_masq* masq) {
  struct ebn_flow* flow = bpf_map_lookup_elem(&flows, &masq->flow);
  if (flow && flow->nat_port == key->host_port && addr_equal(&flow->nat, &key->host)) {
    return 0;
  }
  flow = bpf_map_lookup_elem(&new_flows, &masq->flow);
  if (flow && flow->nat_port == key->host_port && addr_equal(&flow->nat, &key->host)) {
    if (!idle_too_long(flow)) {
      bpf_timer_start(&masq->timer, quarter_ns(flow), 0);
      return 0;
    }
    bpf_map_delete_elem(&new_flows, &masq->flow);
  }
  quota_give(masq->flow.sandbox);
  bpf_map_delete_elem(&masq_ports, key);
  return 0;
}

static __always_inline void start_masq_timer(const struct ebn_masq_key* key, __u64 quarter) {
  struct ebn_masq* masq = bpf_map_lookup_elem(&masq_ports, key);
  if (masq && !bpf_timer_init(&masq->timer, &masq_ports, EBN_CLOCK_MONOTONIC)) {
    bpf_timer_set_callback(&masq->timer, masq_timer);
    bpf_timer_start(&masq->timer, quarter, 0);
  }
}

// The state that matters for the next packet, without the timer (which cannot be copied).
static __always_inline void copy_flow(struct ebn_flow* out, const struct ebn_flow* in) {
  __builtin_memset(out, 0, sizeof *out);
  out->nat = in->nat;
  out->nat_port = in->nat_port;
  out->kind = in->kind;
  out->proto = in->proto;
  out->slot = in->slot;
  out->peer_slot = in->peer_slot;
  out->peer_sandbox = in->peer_sandbox;
  out->peer_port = in->peer_port;
  out->flags = in->flags;
  out->created_ns = in->created_ns;
}

// Moves a flow to the table of established ones. Returns 0, or the reason why it stays new. A
// masqueraded flow was counted against the quota when its port was reserved.
static __noinline int promote(const struct ebn_flow_key* key) {
  struct ebn_flow* old = bpf_map_lookup_elem(&new_flows, key);
  struct ebn_flow established;
  if (!old) {
    return EBN_DROP_NONE;
  }
  copy_flow(&established, old);
  established.flags |= EBN_FLOW_REPLIED;
  established.active = 1;
  const bool counted = established.kind == EBN_FLOW_MASQUERADE;
  if (!counted && !quota_take(key->sandbox)) {
    return EBN_DROP_FLOW_QUOTA;
  }
  const int error = insert_new(&flows, key, &established);
  if (error) {
    if (!counted) {
      quota_give(key->sandbox);
    }
    return error == -EBN_EEXIST ? EBN_DROP_NONE : EBN_DROP_FLOW_TABLE_FULL;
  }
  struct ebn_flow* flow = bpf_map_lookup_elem(&flows, key);
  if (flow && !bpf_timer_init(&flow->timer, &flows, EBN_CLOCK_MONOTONIC)) {
    bpf_timer_set_callback(&flow->timer, flow_timer);
    bpf_timer_start(&flow->timer, quarter_ns(flow), 0);
  }
  bpf_map_delete_elem(&new_flows, key);
  return EBN_DROP_NONE;
}

struct flow_ref {
  struct ebn_flow* flow; // NULL: none
  bool established;
};

static __always_inline struct flow_ref flow_find(const struct ebn_flow_key* key) {
  struct ebn_flow* flow = bpf_map_lookup_elem(&flows, key);
  if (flow) {
    return (struct flow_ref){flow, true};
  }
  return (struct flow_ref){bpf_map_lookup_elem(&new_flows, key), false};
}

// Takes note of a packet of the flow; `outbound`: from the sandbox. TCP flags move the state; a
// closing flow gets its short time-out at once, and a flow that goes on after an RST its long one.
static __always_inline void flow_touch(struct ebn_flow* flow, bool established, __u8 tcp_flags,
                                       bool outbound) {
  if (!flow->active) {
    flow->active = 1;
  }
  if (flow->proto != EBN_PROTO_TCP ||
      !(tcp_flags & (TCP_FIN | TCP_RST) || flow->flags & EBN_FLOW_RST)) {
    return;
  }
  const __u8 before = flow->flags;
  if (tcp_flags & TCP_RST) {
    flow->flags |= EBN_FLOW_RST | (outbound ? 0 : EBN_FLOW_RST_IN);
  } else if (outbound == !(before & EBN_FLOW_RST_IN)) {
    // The side in whose name the RST came goes on sending: the RST was forged or stale.
    flow->flags &= (__u8) ~(EBN_FLOW_RST | EBN_FLOW_RST_IN);
  }
  if (tcp_flags & TCP_FIN) {
    flow->flags |= outbound ? EBN_FLOW_FIN_OUT : EBN_FLOW_FIN_IN;
  }
  if (established && flow->flags != before) {
    bpf_timer_start(&flow->timer, quarter_ns(flow), 0);
  }
}

// Removes what is left of an ended flow, so that its tuple can begin anew.
static __noinline int flow_remove(const struct ebn_flow_key* key) {
  const struct ebn_flow* flow = bpf_map_lookup_elem(&flows, key);
  if (!flow) {
    return 0;
  }
  if (flow->kind == EBN_FLOW_MASQUERADE) {
    masq_release(key, flow);
  }
  if (!bpf_map_delete_elem(&flows, key)) {
    quota_give(key->sandbox);
  }
  return 0;
}
