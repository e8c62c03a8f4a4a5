// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// State of one translated flow. A flow is known by what its sandbox sees: the sandbox's own address
// and port and the remote's, in canonical order (lower address first, then lower port), so that one
// lookup serves both directions.
#pragma once

#include "maps/abi/base.h"

#ifndef __bpf__
#include <linux/bpf.h>
#endif

struct ebn_flow_key {
  __u32 sandbox;
  __u8 proto;
  __u8 pad[3];
  struct ebn_addr lo;
  struct ebn_addr hi;
  __be16 lo_port;
  __be16 hi_port;
};
EBN_ASSERT_SIZE(struct ebn_flow_key, 44);

enum ebn_flow_kind {
  EBN_FLOW_MASQUERADE =
      1, // from the sandbox to the outside; nat is the host's address and reserved port
  EBN_FLOW_PUBLISHED =
      2, // from outside to a published port; nat is the address and port the client used
  EBN_FLOW_NEIGHBOUR = 3, // from another endpoint of this host to a published port
};

enum ebn_flow_flags {
  EBN_FLOW_FIN_OUT = 1 << 0, // FIN seen from the sandbox
  EBN_FLOW_FIN_IN = 1 << 1,  // FIN seen towards the sandbox
  EBN_FLOW_RST = 1 << 2,
  EBN_FLOW_REPLIED = 1 << 3,
  EBN_FLOW_RST_IN = 1 << 4, // the RST was sent towards the sandbox
};

struct ebn_flow {
  struct ebn_addr nat;
  __be16 nat_port;
  __u8 kind;
  __u8 proto;
  __u32 slot;       // the endpoint of the sandbox that the flow uses
  __u32 peer_slot;  // EBN_FLOW_NEIGHBOUR: the client's endpoint
  __be16 peer_port; // EBN_FLOW_NEIGHBOUR: reserved
  __u8 flags;       // enum ebn_flow_flags
  __u8 active;      // set by packets, cleared by the looks of the clock
  __u8 unchecked;   // packets since the reserved tuple was last seen in place
  __u8 pad[3];
  __u32 peer_sandbox;  // EBN_FLOW_NEIGHBOUR: whose the client's endpoint was
  __u64 created_ns;    // coarse monotonic clock: of the last tick
  __u64 idle_since_ns; // the same: of the look since which `active` stayed 0
};
EBN_ASSERT_SIZE(struct ebn_flow, 56);

// A reserved outside tuple of a masqueraded flow. The value finds the flow; it can be rebuilt from
// the flow.
struct ebn_masq_key {
  struct ebn_addr host;
  struct ebn_addr remote;
  __be16 host_port;
  __be16 remote_port;
  __u8 proto;
  __u8 pad[3];
};
EBN_ASSERT_SIZE(struct ebn_masq_key, 40);

struct ebn_masq {
  struct ebn_flow_key flow;
  __u32 slot;
  __u64 created_ns; // coarse monotonic clock
};
EBN_ASSERT_SIZE(struct ebn_masq, 56);

// Where the ports of a fragmented datagram are kept for its later fragments.
struct ebn_fragment_key {
  struct ebn_addr src;
  struct ebn_addr dst;
  __u32
      scope; // sandbox, 0 for the outside; and 16 bits up, the lower half of an IPv6 identification
  __be16 id; // IPv6: the upper half
  __u8 proto;
  __u8 pad;
};
EBN_ASSERT_SIZE(struct ebn_fragment_key, 40);

struct ebn_fragment {
  __be16 sport;
  __be16 dport;
};
