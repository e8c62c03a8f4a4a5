// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who has an address in a network, and the delivery of a packet into an endpoint's namespace.
#pragma once

#include "bpf/lib/record.bpf.h"
#include "bpf/lib/rewrite.bpf.h"
#include "maps/defs/destinations.bpf.h"

static __always_inline struct ebn_dest* destination(__u32 network, const struct ebn_addr* addr) {
  const struct ebn_dest_key key = {network, *addr};
  return bpf_map_lookup_elem(&destinations, &key);
}

// Where an address was found last: a slot, which the endpoint's record confirms or not. So nothing
// here is ever stale, and a neighbour that is spoken to again costs array reads instead of a lookup
// by a hash.
enum {
  HINTS = 4096,
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, HINTS);
  __type(key, __u32);
  __type(value, __u32);
} hints SEC(".maps");

_Static_assert(HINTS == 1 << (32 - 20), "neighbour_slot takes the upper bits of a hash");

static __always_inline bool has_address(const struct ebn_endpoint* ep, const struct ebn_addr* addr,
                                        __u8 family) {
  return family == EBN_AF_INET6 ? addr_equal(&ep->addr6, addr) : ep->addr4.w[3] == addr->w[3];
}

// The slot of the network's endpoint with that address; 0: none.
static __always_inline __u32 neighbour_slot(__u32 network, const struct ebn_addr* addr,
                                            __u8 family) {
  // Multiplicative hashing (Knuth): neighbouring addresses get rows far from each other.
  const __u32 mixed = family == EBN_AF_INET6 ? addr->w[3] ^ addr->w[2] : addr->w[3];
  const __u32 row = ((mixed ^ network) * 2654435761U) >> 20;
  __u32* hint = bpf_map_lookup_elem(&hints, &row);
  if (!hint) {
    return 0;
  }
  const __u32 known = *(volatile __u32*)hint; // once: other CPUs write it too
  const struct ebn_endpoint* ep = endpoint_at(known);
  if (ep && ep->network == network && has_address(ep, addr, family)) {
    return known;
  }
  const struct ebn_dest* dest = destination(network, addr);
  if (!dest || dest->kind != EBN_DEST_ENDPOINT) {
    return 0;
  }
  *hint = dest->slot;
  return dest->slot;
}

static __always_inline bool too_big(const struct __sk_buff* skb, __u32 ip_len, __u16 mtu) {
  return !skb->gso_size && ip_len > mtu;
}

// Into the namespace of `slot`, past the host's stack and the receiving veth's queue. The packet
// type is set first: before Linux 6.15 a packet that came in promiscuously would be dropped by the
// receiver.
static __always_inline struct verdict deliver(struct __sk_buff* skb, __u32 slot) {
  bpf_skb_change_type(skb, EBN_PACKET_HOST);
  return redirected(bpf_redirect_peer(EBN_VETH_IFINDEX_BASE + slot, 0));
}

// As from the network's gateway: for packets that were routed, not bridged.
static __always_inline struct verdict deliver_routed(struct __sk_buff* skb, __u32 slot,
                                                     const struct ebn_endpoint* ep) {
  __u8 dst[6], src[6];
  __builtin_memcpy(dst, ep->mac, sizeof dst);
  __builtin_memcpy(src, ep->gw_mac, sizeof src);
  if (cfg.l2_len == 0 && !add_ethernet_header(skb)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  if (!rewrite_macs(skb, dst, src)) {
    return drop(EBN_DROP_WRITE_FAILED);
  }
  return deliver(skb, slot);
}
