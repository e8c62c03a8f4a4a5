// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Neighbour discovery of a sandbox (RFC 4861): source check, and answers from the destinations
// table without asking anyone.
#pragma once

#include "bpf/lib/arp.bpf.h"
#include "bpf/lib/work.bpf.h"

struct nd_message {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be32 flags; // of an advertisement
  struct ebn_addr target;
};

struct nd_option {
  __u8 type;
  __u8 units; // of 8 bytes
  __u8 mac[6];
};

enum {
  ND_SOURCE_MAC = 1,
  ND_TARGET_MAC = 2,
  ND_HOP_LIMIT = 255, // nobody behind a router can send it
};

#define ND_ROUTER 0x80000000
#define ND_SOLICITED 0x40000000
#define ND_OVERRIDE 0x20000000

// The link-local address that the kernel makes of the MAC address (RFC 4291, appendix A).
static __always_inline struct ebn_addr link_local_of(const __u8* mac) {
  const __u32 upper = (__u32)(mac[0] ^ 2) << 24 | (__u32)mac[1] << 16 | (__u32)mac[2] << 8 | 0xff;
  const __u32 lower = 0xfeU << 24 | (__u32)mac[3] << 16 | (__u32)mac[4] << 8 | mac[5];
  return (struct ebn_addr){{bpf_htonl(0xfe800000), 0, bpf_htonl(upper), bpf_htonl(lower)}};
}

static __always_inline bool is_own6(const struct ebn_endpoint* ep, const struct ebn_addr* addr) {
  const struct ebn_addr link_local = link_local_of(ep->mac);
  return addr_equal(addr, &ep->addr6) || addr_equal(addr, &link_local);
}

static __always_inline bool is_nd(const struct packet* p) {
  return p->proto == EBN_PROTO_ICMPV6 && p->icmp_type >= ICMPV6_ROUTER_SOLICIT &&
         p->icmp_type <= ICMPV6_REDIRECT;
}

// Own address, or a node that has none yet: it asks for duplicates, for routers, or reports the
// groups that it listens to (RFC 4862, RFC 3810).
static __always_inline bool source6_is_allowed(const struct ebn_endpoint* ep,
                                               const struct packet* p) {
  if (ep->flags & EBN_EP_SPOOF_OK || is_own6(ep, &p->src)) {
    return true;
  }
  return addr_is_none(&p->src) && p->proto == EBN_PROTO_ICMPV6 &&
         (p->icmp_type == ICMPV6_NEIGHBOUR_SOLICIT || p->icmp_type == ICMPV6_ROUTER_SOLICIT ||
          p->icmp_type == ICMPV6_MLD_REPORT || p->icmp_type == ICMPV6_MLD_DONE ||
          p->icmp_type == ICMPV6_MLD2_REPORT);
}

struct nd_answer {
  struct ipv6hdr ip;
  struct nd_message message;
  struct nd_option option;
};
_Static_assert(sizeof(struct nd_answer) == 72, "no holes on the wire");

// Turns the solicitation p for `target` into the advertisement that answers it.
static __always_inline bool make_nd_answer(struct __sk_buff* skb, const struct packet* p,
                                           const struct ebn_addr* target,
                                           const struct ebn_dest* dest) {
  struct nd_answer out = {};
  const struct ebn_addr none = {};
  *(__u8*)&out.ip = 6 << 4;
  out.ip.payload_len = bpf_htons(sizeof out.message + sizeof out.option);
  out.ip.nexthdr = EBN_PROTO_ICMPV6;
  out.ip.hop_limit = ND_HOP_LIMIT;
  __builtin_memcpy(&out.ip.saddr, target, sizeof *target);
  __builtin_memcpy(&out.ip.daddr, &p->src, sizeof p->src);
  out.message.type = ICMPV6_NEIGHBOUR_ADVERT;
  out.message.flags =
      bpf_htonl(ND_SOLICITED | ND_OVERRIDE | (dest->kind == EBN_DEST_GATEWAY ? ND_ROUTER : 0));
  out.message.target = *target;
  out.option.type = ND_TARGET_MAC;
  out.option.units = 1;
  __builtin_memcpy(out.option.mac, dest->mac, 6);
  __u32 sum = addr_diff(0, &none, target, EBN_AF_INET6);
  sum = addr_diff(sum, &none, &p->src, EBN_AF_INET6);
  sum = csum_add32(sum, bpf_htonl(sizeof out.message + sizeof out.option));
  sum = csum_add32(sum, bpf_htonl(EBN_PROTO_ICMPV6));
  out.message.checksum = csum_fold(
      bpf_csum_diff(NULL, 0, (__be32*)&out.message, sizeof out.message + sizeof out.option, sum));
  if (bpf_skb_change_tail(skb, sizeof(struct ethhdr) + sizeof out, 0) ||
      bpf_skb_store_bytes(skb, sizeof(struct ethhdr), &out, sizeof out, 0)) {
    return false;
  }
  struct ethhdr* eth = ethernet_header(skb);
  if (!eth) {
    return false;
  }
  __builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
  __builtin_memcpy(eth->h_source, out.option.mac, ETH_ALEN);
  return true;
}

enum {
  ND_OPTIONS = 4, // more than that nobody sends
};

// The MAC address that an option of the message tells must be the sender's own; true when there is
// none. False also for a chain of options that is broken or too long to be looked through.
static __noinline bool options_are_own(struct __sk_buff* skb, const struct packet* p,
                                       const struct ebn_endpoint* ep, __u8 type) {
  struct nd_option option;
  const __u32 end = cfg.l2_len + p->ip_len;
  __u32 off = p->l4_off + sizeof(struct nd_message);
  for (int i = 0; i < ND_OPTIONS; i++) {
    if (off >= end) {
      return true;
    }
    if (bpf_skb_load_bytes(skb, off, &option, sizeof option) || option.units == 0 ||
        (option.type == type && !mac_equal(option.mac, ep->mac))) {
      return false;
    }
    off += (__u32)option.units * 8;
  }
  return off >= end;
}

// A message of neighbour discovery that the endpoint of `slot` sends, described in the scratch
// space. NOT_OURS: it goes where its address leads.
EBN_GLOBAL int nd_from_container(struct __sk_buff* skb, __u32 slot) {
  const struct work* work = work_space();
  const struct ebn_endpoint* ep = endpoint_at(slot);
  struct nd_message message;
  if (!work || !ep) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  const struct packet* p = &work->packet;
  const bool checked = !(ep->flags & EBN_EP_SPOOF_OK);
  if (checked && (p->icmp_type == ICMPV6_ROUTER_ADVERT || p->icmp_type == ICMPV6_REDIRECT)) {
    return finish(ep->network, drop(EBN_DROP_ROUTER_ADVERTISEMENT));
  }
  if (p->icmp_type == ICMPV6_ROUTER_SOLICIT) {
    return NOT_OURS;
  }
  if (p->ttl != ND_HOP_LIMIT || cfg.l2_len + p->ip_len < p->l4_off + sizeof message ||
      bpf_skb_load_bytes(skb, p->l4_off, &message, sizeof message)) {
    return finish(ep->network, drop(EBN_DROP_MALFORMED));
  }
  if (p->icmp_type == ICMPV6_NEIGHBOUR_ADVERT) {
    const bool own = is_own6(ep, &message.target) && options_are_own(skb, p, ep, ND_TARGET_MAC);
    return checked && !own ? finish(ep->network, drop(EBN_DROP_SPOOFED_ND)) : NOT_OURS;
  }
  if (checked && !options_are_own(skb, p, ep, ND_SOURCE_MAC)) {
    return finish(ep->network, drop(EBN_DROP_SPOOFED_ND));
  }
  // Never for the asker's own address, or before it has one: duplicate address detection is between
  // those who have the address.
  if (p->icmp_type != ICMPV6_NEIGHBOUR_SOLICIT || addr_is_none(&p->src) ||
      is_own6(ep, &message.target)) {
    return NOT_OURS;
  }
  const struct ebn_dest* dest = destination(ep->network, &message.target);
  if (!dest) {
    return NOT_OURS;
  }
  return finish(ep->network, make_nd_answer(skb, p, &message.target, dest)
                                 ? deliver(skb, slot)
                                 : drop(EBN_DROP_WRITE_FAILED));
}
