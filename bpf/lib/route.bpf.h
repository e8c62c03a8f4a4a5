// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The way out of the host: the kernel's routing table is asked (bpf_fib_lookup, 4.18), the kernel's
// neighbour layer writes the MAC addresses (bpf_redirect_neigh with next hop, 5.10). The host's
// stack itself is not passed, so rp_filter, FORWARD policies and equal subnets do not matter.
#pragma once

#include "bpf/lib/endpoint.bpf.h"

struct route {
  __u32 ifindex;
  struct bpf_redir_neigh next_hop;
};

// Bytes of the IP packet, or of each of those that a GSO packet becomes (TCP options left out). The
// kernel compares it with the MTU of the route.
static __always_inline __u16 routed_len(const struct __sk_buff* skb, const struct packet* p) {
  if (!skb->gso_size) {
    return (__u16)p->ip_len;
  }
  const __u32 transport_len =
      p->proto == EBN_PROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
  return (__u16)(p->l4_off - cfg.l2_len + transport_len + skb->gso_size);
}

// False: the host cannot forward this packet (no route, local destination, larger than the device's
// MTU): its stack shall answer.
EBN_GLOBAL bool find_route(struct __sk_buff* skb, const struct packet* p, __u32 network,
                           struct route* out) {
  if (!p || !out) {
    return false;
  }
  struct bpf_fib_lookup fib = {};
  fib.family = EBN_AF_INET;
  fib.l4_protocol = p->proto;
  fib.sport = p->sport;
  fib.dport = p->dport;
  fib.ifindex = EBN_BRIDGE_IFINDEX_BASE + network;
  fib.tot_len = routed_len(skb, p);
  fib.ipv4_src = p->src.w[3];
  fib.ipv4_dst = p->dst.w[3];
  const long rc = bpf_fib_lookup(skb, &fib, sizeof fib, 0);
  if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return false;
  }
  // Never into a network of ours: what may go there is decided before, by network and not by route.
  if (fib.ifindex - EBN_BRIDGE_IFINDEX_BASE < EBN_MAX_NETWORKS) {
    return false;
  }
  out->ifindex = fib.ifindex;
  __builtin_memset(&out->next_hop, 0, sizeof out->next_hop);
  out->next_hop.nh_family = fib.family;
  if (fib.family == EBN_AF_INET) {
    out->next_hop.ipv4_nh = fib.ipv4_dst;
  } else {
    __builtin_memcpy(out->next_hop.ipv6_nh, fib.ipv6_dst, sizeof fib.ipv6_dst);
  }
  return true;
}

static __always_inline struct verdict send_out(struct route* route) {
  return redirected(
      bpf_redirect_neigh(route->ifindex, &route->next_hop, sizeof route->next_hop, 0));
}
