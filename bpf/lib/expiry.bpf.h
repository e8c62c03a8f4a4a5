// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How flows end by time. A packet only sets its entry's `active` byte. Every entry stands in a
// queue with the time at which it is to be looked at, five seconds after the last look, so the
// queue is in the order of time; the timer of the row of clock_timer, which the program start_clock
// sets going, takes from its head what is due. A look clears `active`, and removes an entry that
// has been without a packet for its time-out: between one time-out and ten seconds more after its
// last packet. bpf_timer: Linux 5.15, bpf_loop: 5.17.
//
// There is one timer and not one per entry, since setting up a timer takes memory, and in a
// packet's context the kernel may refuse it: Linux 6.18 there gives only what lies about.
#pragma once

#include "bpf/lib/addr.bpf.h"
#include "bpf/lib/verdict.bpf.h"
#include "maps/defs/clock.bpf.h"
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
};

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

enum {
  LOOKS_PER_ROUND = 512, // of each queue: about 0.1 ms
};
#define ROUND_EVERY_NS (EBN_NS_PER_SEC / 4)
#define NEXT_ROUND_NS (EBN_NS_PER_SEC / 100) // when more is due than one round takes

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

static __always_inline bool idle_too_long(struct ebn_flow* flow, __u64 now) {
  if (flow->active) {
    flow->active = 0;
    flow->idle_since_ns = now;
    return false;
  }
  return now - flow->idle_since_ns >= timeout_seconds(flow) * EBN_NS_PER_SEC;
}

static __always_inline void end_flow(const struct ebn_flow_key* key, const struct ebn_flow* flow) {
  if (flow->kind == EBN_FLOW_MASQUERADE) {
    masq_release(key, flow);
  }
  if (!bpf_map_delete_elem(&flows, key)) {
    quota_give(key->sandbox);
  }
}

// Looks at the head of the queue. 1, which ends the round: nothing is due.
static long look_at_flow(__u32 index __attribute__((unused)),
                         void* context __attribute__((unused))) {
  struct ebn_clock_flow look;
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (bpf_map_peek_elem(&clock_flows, &look) || look.due_ns > now) {
    return 1;
  }
  bpf_map_pop_elem(&clock_flows, &look);
  struct ebn_flow* flow = bpf_map_lookup_elem(&flows, &look.key);
  if (!flow || flow->created_ns != look.created_ns) {
    return 0; // it has ended, or another one has its key and stands in the queue by itself
  }
  look.due_ns = now + EBN_LOOK_EVERY_NS;
  if (idle_too_long(flow, now) || bpf_map_push_elem(&clock_flows, &look, BPF_ANY)) {
    end_flow(&look.key, flow);
  }
  return 0;
}

static __always_inline bool owns_port(const struct ebn_flow* flow, const struct ebn_masq_key* key) {
  return flow && flow->nat_port == key->host_port && addr_equal(&flow->nat, &key->host);
}

// A reserved tuple counts for itself while its flow has no reply. Afterwards the flow's own looks
// decide.
static long look_at_port(__u32 index __attribute__((unused)),
                         void* context __attribute__((unused))) {
  struct ebn_clock_port look;
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (bpf_map_peek_elem(&clock_ports, &look) || look.due_ns > now) {
    return 1;
  }
  bpf_map_pop_elem(&clock_ports, &look);
  const struct ebn_masq* masq = bpf_map_lookup_elem(&masq_ports, &look.key);
  if (!masq || masq->created_ns != look.created_ns) {
    return 0;
  }
  const struct ebn_flow_key key = masq->flow;
  struct ebn_flow* flow = bpf_map_lookup_elem(&new_flows, &key);
  look.due_ns = now + EBN_LOOK_EVERY_NS;
  if (owns_port(flow, &look.key)) {
    if (!idle_too_long(flow, now) && !bpf_map_push_elem(&clock_ports, &look, BPF_ANY)) {
      return 0;
    }
    bpf_map_delete_elem(&new_flows, &key);
  } else if (owns_port(bpf_map_lookup_elem(&flows, &key), &look.key)) {
    return 0;
  }
  if (!bpf_map_delete_elem(&masq_ports, &look.key)) {
    quota_give(key.sandbox);
  }
  return 0;
}

static int clock_round(void* map __attribute__((unused)), int* row __attribute__((unused)),
                       struct ebn_clock* clock) {
  const bool more = bpf_loop(LOOKS_PER_ROUND, look_at_flow, NULL, 0) == LOOKS_PER_ROUND ||
                    bpf_loop(LOOKS_PER_ROUND, look_at_port, NULL, 0) == LOOKS_PER_ROUND;
  bpf_timer_start(&clock->timer, more ? NEXT_ROUND_NS : ROUND_EVERY_NS, 0);
  return 0;
}

// Puts an entry that was just made into its queue. 0 or an errno.
static __always_inline int clock_flow(const struct ebn_flow_key* key, __u64 created_ns) {
  const __u32 row = 0;
  struct ebn_clock_scratch* scratch = bpf_map_lookup_elem(&clock_scratch, &row);
  if (!scratch) {
    return -EBN_ENOMEM;
  }
  scratch->flow.key = *key;
  scratch->flow.created_ns = created_ns;
  scratch->flow.due_ns = bpf_ktime_get_coarse_ns() + EBN_LOOK_EVERY_NS;
  return (int)bpf_map_push_elem(&clock_flows, &scratch->flow, BPF_ANY);
}

static __always_inline int clock_port(const struct ebn_masq_key* key, __u64 created_ns) {
  const __u32 row = 0;
  struct ebn_clock_scratch* scratch = bpf_map_lookup_elem(&clock_scratch, &row);
  if (!scratch) {
    return -EBN_ENOMEM;
  }
  scratch->port.key = *key;
  scratch->port.created_ns = created_ns;
  scratch->port.due_ns = created_ns + EBN_LOOK_EVERY_NS;
  return (int)bpf_map_push_elem(&clock_ports, &scratch->port, BPF_ANY);
}
