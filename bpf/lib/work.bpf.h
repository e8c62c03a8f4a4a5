// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Room of one packet's cold paths, kept off the stack, which Linux 6.1 limits to 512 bytes over all
// frames. Nothing interrupts a program for another one of ours on the same CPU.
#pragma once

#include "bpf/lib/rewrite.bpf.h"
#include "maps/abi/flow.h"

// A client's packet on its way to the endpoint that serves. `remote` is the client as the endpoint
// sees it.
struct inbound {
  struct ebn_flow_key key;
  struct ebn_addr remote;
  __be16 remote_port;
  __be16 target;
  __u32 slot;
  __u32 peer_slot; // the client's endpoint, 0 for one outside this host
  __u32 peer_sandbox;
};

// Bytes of the packet that an ICMPv6 error of ours quotes: its header, and more of what follows
// than RFC 4443 needs to tell the sender what it was.
enum {
  QUOTE_BYTES = 128,
};

struct work {
  struct packet packet;     // of an IPv6 packet
  struct packet back;       // would answer the packet that an ICMP error quotes
  struct translation t;     // of `back`
  struct translation outer; // of the error's own header
  struct inbound in;
  struct ebn_flow_key key; // of an IPv6 packet's flow
  struct ebn_flow flow;    // a record that is put together
  struct ebn_masq_key reserved;
  struct ebn_masq masq;
  __u8 quote[QUOTE_BYTES]; // what an ICMPv6 error of ours quotes, zeroes behind it
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct work);
} work_spaces SEC(".maps");

static __always_inline struct work* work_space(void) {
  const __u32 only = 0;
  return bpf_map_lookup_elem(&work_spaces, &only);
}

// Whether the scratch space describes an IPv6 packet now. A function of its own: IPv4 is not to pay
// for its size.
EBN_GLOBAL bool parse_ipv6_here(struct __sk_buff* skb) {
  struct work* work = work_space();
  return work && parse_ipv6(skb, &work->packet);
}

// The packet, described in the scratch space; NULL: not IP, or malformed.
static __always_inline struct packet* parse_here(struct __sk_buff* skb) {
  struct work* work = work_space();
  const bool parsed = !work                                        ? false
                      : skb->protocol == bpf_htons(EBN_ETH_P_IP)   ? parse_ipv4(skb, &work->packet)
                      : skb->protocol == bpf_htons(EBN_ETH_P_IPV6) ? parse_ipv6_here(skb)
                                                                   : false;
  return parsed ? &work->packet : NULL;
}
