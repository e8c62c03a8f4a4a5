// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Changing a packet in place: addresses, ports, TTL, MAC addresses. Checksums are changed
// incrementally (RFC 1624), and through the kernel's helper for the transport header, so that
// offload states (CHECKSUM_PARTIAL, CHECKSUM_COMPLETE) stay right.
#pragma once

#include "bpf/lib/parse.bpf.h"

// The IP and transport headers after translation. A field that stays is given its old value.
struct translation {
  struct ebn_addr src;
  struct ebn_addr dst;
  __be16 sport;
  __be16 dport;
  __u8 ttl;
  __u8 pad[3];
};

static __always_inline __u16 csum_fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)~sum;
}

static __always_inline struct translation translation_of(const struct packet* p) {
  return (struct translation){p->src, p->dst, p->sport, p->dport, p->ttl, {}};
}

static __always_inline struct iphdr* ipv4_header(struct __sk_buff* skb) {
  void* data = (void*)(long)skb->data;
  struct iphdr* ip = data + cfg.l2_len;
  return (void*)(ip + 1) <= (void*)(long)skb->data_end ? ip : NULL;
}

static __always_inline bool rewrite_ipv4_header(struct __sk_buff* skb,
                                                const struct translation* t) {
  struct iphdr* ip = ipv4_header(skb);
  if (!ip) {
    return false;
  }
  __u32 sum = (__u16)~ip->check;
  sum = csum_add32(sum, ~ip->saddr);
  sum = csum_add32(sum, t->src.w[3]);
  sum = csum_add32(sum, ~ip->daddr);
  sum = csum_add32(sum, t->dst.w[3]);
  if (t->ttl != ip->ttl) {
    // The TTL is the first byte of its 16-bit word.
    sum = csum_add32(sum, (__u16) ~(__u16)bpf_htons((__u16)ip->ttl << 8));
    sum = csum_add32(sum, bpf_htons((__u16)t->ttl << 8));
    ip->ttl = t->ttl;
  }
  ip->check = csum_fold(sum);
  ip->saddr = t->src.w[3];
  ip->daddr = t->dst.w[3];
  return true;
}

// No checksum in the header makes up for the change: where a device summed up the whole packet,
// that sum (CHECKSUM_COMPLETE) changes with it.
static __noinline bool rewrite_ipv6_header(struct __sk_buff* skb, const struct translation* t) {
  void* data = (void*)(long)skb->data;
  struct ipv6hdr* ip = data + cfg.l2_len;
  if ((void*)(ip + 1) > (void*)(long)skb->data_end) {
    return false;
  }
  // The hop limit is the second byte of its 16-bit word.
  __u32 diff = csum_add32((__u16) ~(__u16)bpf_htons(ip->hop_limit), bpf_htons(t->ttl));
  diff = addr_diff(diff, (const struct ebn_addr*)&ip->saddr, &t->src, EBN_AF_INET6);
  diff = addr_diff(diff, (const struct ebn_addr*)&ip->daddr, &t->dst, EBN_AF_INET6);
  ip->hop_limit = t->ttl;
  __builtin_memcpy(&ip->saddr, &t->src, sizeof t->src);
  __builtin_memcpy(&ip->daddr, &t->dst, sizeof t->dst);
  bpf_csum_update(skb, diff); // refused where there is no such sum
  return true;
}

// Offset of the checksum in the transport header.
static __always_inline __u32 checksum_offset(__u8 proto) {
  return proto == EBN_PROTO_TCP ? 16 : proto == EBN_PROTO_UDP ? 6 : 2;
}

// Writes the ports of TCP and UDP, in place where the header is (a helper call costs as much as a
// map lookup).
static __always_inline bool store_ports(struct __sk_buff* skb, __u32 l4_off, __be16 sport,
                                        __be16 dport) {
  const __be16 ports[2] = {sport, dport};
  __be16* at = (void*)(long)skb->data + (l4_off & (L4_OFF_LIMIT - 1));
  if ((void*)(at + 2) > (void*)(long)skb->data_end || l4_off >= L4_OFF_LIMIT) {
    return bpf_skb_store_bytes(skb, l4_off, ports, sizeof ports, 0) == 0;
  }
  at[0] = sport;
  at[1] = dport;
  return true;
}

// Of an ICMP echo: the port of the side that asked. The other side's has no place in the packet.
static __always_inline bool rewrite_identifier(struct __sk_buff* skb, const struct packet* p,
                                               const struct translation* t) {
  const bool asks = icmp_asks(p->proto, p->icmp_type);
  const __be16 old = asks ? p->sport : p->dport;
  const __be16 id = asks ? t->sport : t->dport;
  return old == id ||
         (!bpf_l4_csum_replace(skb, p->l4_off + checksum_offset(p->proto), old, id, sizeof id) &&
          !bpf_skb_store_bytes(skb, p->l4_off + 4, &id, sizeof id, 0));
}

// The checksum of ICMP covers no addresses, that of ICMPv6 does.
static __always_inline bool rewrite_transport(struct __sk_buff* skb, const struct packet* p,
                                              const struct translation* t) {
  const __u32 check_off = p->l4_off + checksum_offset(p->proto);
  const __u64 zero_flag = p->proto == EBN_PROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
  if (p->proto == EBN_PROTO_ICMP) {
    return rewrite_identifier(skb, p, t);
  }
  __u32 diff = addr_diff(0, &p->src, &t->src, p->family);
  diff = addr_diff(diff, &p->dst, &t->dst, p->family);
  if (bpf_l4_csum_replace(skb, check_off, 0, diff, BPF_F_PSEUDO_HDR | zero_flag)) {
    return false;
  }
  if (p->proto == EBN_PROTO_ICMPV6) {
    return rewrite_identifier(skb, p, t);
  }
  if (p->sport == t->sport && p->dport == t->dport) {
    return true;
  }
  diff = csum_add32((__u16)~p->sport, t->sport);
  diff = csum_add32(diff, (__u16)~p->dport);
  diff = csum_add32(diff, t->dport);
  if (bpf_l4_csum_replace(skb, check_off, 0, diff, zero_flag)) {
    return false;
  }
  return store_ports(skb, p->l4_off, t->sport, t->dport);
}

static __always_inline bool rewrite_ip_header(struct __sk_buff* skb, const struct packet* p,
                                              const struct translation* t) {
  return p->family == EBN_AF_INET6 ? rewrite_ipv6_header(skb, t) : rewrite_ipv4_header(skb, t);
}

// Applies the whole translation. A later fragment has no transport header: only its IP header
// changes, and the first fragment's checksum already accounts for it.
static __always_inline bool translate(struct __sk_buff* skb, const struct packet* p,
                                      const struct translation* t) {
  if (p->fragment != FRAGMENT_LATER && !rewrite_transport(skb, p, t)) {
    return false;
  }
  return rewrite_ip_header(skb, p, t);
}

// One hop less; a packet that a router would have to refuse keeps its last hop and is delivered.
static __always_inline __u8 ttl_after_hop(__u8 ttl) {
  return ttl > 1 ? ttl - 1 : ttl;
}

// For what came by a device without Ethernet headers and goes on to one that has them.
static __always_inline bool add_ethernet_header(struct __sk_buff* skb) {
  if (bpf_skb_change_head(skb, sizeof(struct ethhdr), 0)) {
    return false;
  }
  struct ethhdr* eth = ethernet_header(skb);
  if (!eth) {
    return false;
  }
  eth->h_proto = (__be16)skb->protocol;
  return true;
}

static __always_inline bool rewrite_macs(struct __sk_buff* skb, const __u8* dst, const __u8* src) {
  struct ethhdr* eth = ethernet_header(skb);
  if (!eth) {
    return false;
  }
  __builtin_memcpy(eth->h_dest, dst, ETH_ALEN);
  __builtin_memcpy(eth->h_source, src, ETH_ALEN);
  return true;
}
