// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The way out of the host: the kernel's routing table is asked (bpf_fib_lookup, 4.18), the kernel's
// neighbour layer writes the MAC addresses (bpf_redirect_neigh with next hop, 5.10). The host's
// stack itself is not passed, so rp_filter, FORWARD policies and equal subnets do not matter.
#pragma once

#include "bpf/lib/endpoint.bpf.h"

struct route {
  __u32 ifindex; // 0: the host cannot forward the packet
  __u32 mtu;     // of the way; 0: not known. Without a way: the packet exceeds it
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
// MTU).
EBN_GLOBAL bool find_route(struct __sk_buff* skb, const struct packet* p, __u32 network,
                           struct route* out) {
  if (!p || !out) {
    return false;
  }
  out->ifindex = 0;
  out->mtu = 0;
  struct bpf_fib_lookup fib = {};
  fib.family = p->family;
  fib.l4_protocol = p->proto;
  fib.sport = p->sport;
  fib.dport = p->dport;
  fib.ifindex = EBN_BRIDGE_IFINDEX_BASE + network;
  fib.tot_len = routed_len(skb, p);
  if (fib.family == EBN_AF_INET) {
    fib.ipv4_src = p->src.w[3];
    fib.ipv4_dst = p->dst.w[3];
  } else {
    __builtin_memcpy(fib.ipv6_src, &p->src, sizeof p->src);
    __builtin_memcpy(fib.ipv6_dst, &p->dst, sizeof p->dst);
  }
  const long rc = bpf_fib_lookup(skb, &fib, sizeof fib, 0);
  if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
    out->mtu = fib.mtu_result; // 5.12
  }
  if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return false;
  }
  // Never into a network of ours: what may go there is decided before, by network and not by route.
  if (fib.ifindex - EBN_BRIDGE_IFINDEX_BASE < EBN_MAX_NETWORKS) {
    return false;
  }
  out->ifindex = fib.ifindex;
  out->mtu = rc == BPF_FIB_LKUP_RET_SUCCESS ? fib.mtu_result : 0;
  __builtin_memset(&out->next_hop, 0, sizeof out->next_hop);
  out->next_hop.nh_family = fib.family;
  if (fib.family == EBN_AF_INET) {
    out->next_hop.ipv4_nh = fib.ipv4_dst;
  } else {
    __builtin_memcpy(out->next_hop.ipv6_nh, fib.ipv6_dst, sizeof fib.ipv6_dst);
  }
  return true;
}

// The way that a flow took last. The routing table costs as much as all the rest of a packet of a
// known flow, so it is asked again only after some ticks of the kernel's clock: a change of the
// routes reaches a flow within ROUTE_TICKS / CONFIG_HZ seconds (16 to 160 ms), without anybody's
// help, and a flow that is idle for that long asks every time.
enum {
  ROUTES = 1024, // flows remembered per CPU; two of one row take turns
  ROUTE_TICKS = 16,
};

struct known_route {
  __u64 asked; // ticks (bpf_jiffies64); 0: nothing is known
  struct ebn_addr src;
  struct ebn_addr dst;
  __be16 sport;
  __be16 dport;
  __u32 network;
  __u32 proto;
  struct route route;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, ROUTES);
  __type(key, __u32);
  __type(value, struct known_route);
} known_routes SEC(".maps");

_Static_assert(ROUTES == 1 << (32 - 22), "find_route_again takes the upper bits of a hash");

static __always_inline bool is_route_of(const struct known_route* known, const struct packet* p,
                                        __u32 network) {
  return addr_equal(&known->dst, &p->dst) && addr_equal(&known->src, &p->src) &&
         known->sport == p->sport && known->dport == p->dport && known->network == network &&
         known->proto == p->proto;
}

// As find_route for a packet before its translation: see struct route for one that has no way.
static __always_inline struct route* find_route_again(struct __sk_buff* skb, const struct packet* p,
                                                      __u32 network) {
  // Multiplicative hashing (Knuth): the upper bits of the product are the mixed ones.
  const __u32 ports = (__u32)p->sport << 16 | p->dport;
  const __u32 row = ((p->dst.w[3] ^ ports) * 2654435761U) >> 22;
  struct known_route* known = bpf_map_lookup_elem(&known_routes, &row);
  if (!known) {
    return NULL;
  }
  const __u64 now = bpf_jiffies64();
  if (now - known->asked < ROUTE_TICKS && is_route_of(known, p, network) &&
      routed_len(skb, p) <= known->route.mtu) {
    return &known->route;
  }
  known->asked = 0;
  if (!find_route(skb, p, network, &known->route)) {
    return &known->route;
  }
  known->src = p->src;
  known->dst = p->dst;
  known->sport = p->sport;
  known->dport = p->dport;
  known->network = network;
  known->proto = p->proto;
  known->asked = known->route.mtu ? now : 0;
  return &known->route;
}

static __always_inline bool has_way(const struct route* route) {
  return route && route->ifindex;
}

static __always_inline struct verdict send_out(struct route* route) {
  return redirected(
      bpf_redirect_neigh(route->ifindex, &route->next_hop, sizeof route->next_hop, 0));
}
