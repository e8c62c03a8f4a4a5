// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// State of translated flows: finding, creating, promoting on the first reply, and ending.
//
// A new flow lives in new_flows (LRU: floods evict each other, not connections) and moves to flows
// on its first reply. How it ends when nothing comes any more: expiry.bpf.h.
#pragma once

#include "bpf/lib/expiry.bpf.h"
#include "bpf/lib/parse.bpf.h"
#include "bpf/lib/work.bpf.h"

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

static __always_inline bool flow_is_closed(const struct ebn_flow* flow) {
  return flow->proto == EBN_PROTO_TCP &&
         (flow->flags & EBN_FLOW_RST ||
          (flow->flags & EBN_FLOW_FIN_IN && flow->flags & EBN_FLOW_FIN_OUT));
}

// The state that matters for the next packet.
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
  struct work* work = work_space();
  if (!old || !work) {
    return EBN_DROP_NONE;
  }
  struct ebn_flow* established = &work->flow;
  copy_flow(established, old);
  established->flags |= EBN_FLOW_REPLIED;
  established->active = 1;
  const bool counted = established->kind == EBN_FLOW_MASQUERADE;
  if (!counted && !quota_take(key->sandbox)) {
    return EBN_DROP_FLOW_QUOTA;
  }
  int error = insert_new(&flows, key, established);
  if (!error && clock_flow(key, established->created_ns)) {
    bpf_map_delete_elem(&flows, key);
    error = -EBN_ENOMEM;
  }
  if (error) {
    if (!counted) {
      quota_give(key->sandbox);
    }
    return error == -EBN_EEXIST ? EBN_DROP_NONE : EBN_DROP_FLOW_TABLE_FULL;
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

// Takes note of a packet of the flow; `outbound`: from the sandbox. TCP flags move the state, and
// with it the time-out: a closing flow has a short one, one that goes on after an RST its long one.
static __always_inline void flow_touch(struct ebn_flow* flow, __u8 tcp_flags, bool outbound) {
  if (!flow->active) {
    flow->active = 1;
  }
  if (flow->proto != EBN_PROTO_TCP ||
      !(tcp_flags & (TCP_FIN | TCP_RST) || flow->flags & EBN_FLOW_RST)) {
    return;
  }
  if (tcp_flags & TCP_RST) {
    flow->flags |= EBN_FLOW_RST | (outbound ? 0 : EBN_FLOW_RST_IN);
  } else if (outbound == !(flow->flags & EBN_FLOW_RST_IN)) {
    // The side in whose name the RST came goes on sending: the RST was forged or stale.
    flow->flags &= (__u8) ~(EBN_FLOW_RST | EBN_FLOW_RST_IN);
  }
  if (tcp_flags & TCP_FIN) {
    flow->flags |= outbound ? EBN_FLOW_FIN_OUT : EBN_FLOW_FIN_IN;
  }
}

// Removes what is left of an ended flow, so that its tuple can begin anew.
static __noinline int flow_remove(const struct ebn_flow_key* key) {
  const struct ebn_flow* flow = bpf_map_lookup_elem(&flows, key);
  if (flow) {
    end_flow(key, flow);
  }
  return 0;
}
