// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ICMPv6 errors that the host words for a sandbox (RFC 4443). The kernel would do so only for a
// host that forwards IPv6 everywhere, and such a one does not listen to its routers any more.
#pragma once

#include "bpf/lib/endpoint.bpf.h"
#include "bpf/lib/nd.bpf.h"

struct icmp6_error {
  struct ipv6hdr ip;
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be32 info; // the MTU of "packet too big"
};
_Static_assert(sizeof(struct icmp6_error) == 48, "no holes on the wire");

// Not about errors. What was for a group does not come here: it is not routed.
static __always_inline bool deserves_icmp6(const struct packet* p) {
  return !(p->proto == EBN_PROTO_ICMPV6 && p->icmp_type < ICMPV6_ECHO_REQUEST) &&
         p->fragment != FRAGMENT_LATER && !is_martian(&p->src);
}

// Turns the packet of the scratch space, from the endpoint of `slot`, into the error that answers
// it, from the gateway. False: the packet is spoilt.
EBN_GLOBAL bool make_icmp6_error(struct __sk_buff* skb, __u32 slot, __u32 type_and_code,
                                 __u32 info) {
  struct work* work = work_space();
  const struct ebn_endpoint* ep = endpoint_at(slot);
  const struct ebn_network6* net = ep ? network6_at(ep->network) : NULL;
  const struct ebn_addr none = {};
  struct icmp6_error out = {};
  if (!work || !net) {
    return false;
  }
  const struct packet* p = &work->packet;
  __u32 quoted = p->ip_len < QUOTE_BYTES ? p->ip_len : QUOTE_BYTES;
  __builtin_memset(work->quote, 0, sizeof work->quote);
  if (quoted < sizeof(struct ipv6hdr)) {
    return false;
  }
  // The verifier is to see a length from 1 to QUOTE_BYTES, however the compiler compared.
  __u64 last = quoted - 1;
  asm volatile("%[last] &= %[mask]" : [last] "+r"(last) : [mask] "i"(QUOTE_BYTES - 1));
  if (bpf_skb_load_bytes(skb, cfg.l2_len, work->quote, last + 1)) {
    return false;
  }
  const struct ebn_addr src =
      addr_is_none(&net->gateway) ? link_local_of(ep->gw_mac) : net->gateway;
  *(__u8*)&out.ip = 6 << 4;
  out.ip.payload_len = bpf_htons(8 + quoted);
  out.ip.nexthdr = EBN_PROTO_ICMPV6;
  out.ip.hop_limit = 64;
  __builtin_memcpy(&out.ip.saddr, &src, sizeof src);
  __builtin_memcpy(&out.ip.daddr, &p->src, sizeof p->src);
  out.type = type_and_code >> 8;
  out.code = (__u8)type_and_code;
  out.info = bpf_htonl(info);
  __u32 sum = addr_diff(0, &none, &src, EBN_AF_INET6);
  sum = addr_diff(sum, &none, &p->src, EBN_AF_INET6);
  sum = csum_add32(sum, bpf_htonl(8 + quoted));
  sum = csum_add32(sum, bpf_htonl(EBN_PROTO_ICMPV6));
  sum = bpf_csum_diff(NULL, 0, (__be32*)&out.type, 8, sum);
  out.checksum = csum_fold(bpf_csum_diff(NULL, 0, (__be32*)work->quote, QUOTE_BYTES, sum));
  return !bpf_skb_change_tail(skb, cfg.l2_len + sizeof out + quoted, 0) &&
         !bpf_skb_store_bytes(skb, cfg.l2_len, &out, sizeof out, 0) &&
         !bpf_skb_store_bytes(skb, cfg.l2_len + sizeof out, work->quote, last + 1, 0);
}

// The error back to the sandbox, counted as the drop that it tells.
static __always_inline struct verdict answer_icmp6(struct __sk_buff* skb, const struct packet* p,
                                                   const struct ebn_endpoint* ep, __u32 slot,
                                                   __u32 type_and_code, __u32 info,
                                                   enum ebn_drop_reason reason) {
  __u8 dst[6], src[6];
  __builtin_memcpy(dst, ep->mac, sizeof dst);
  __builtin_memcpy(src, ep->gw_mac, sizeof src);
  if (!deserves_icmp6(p) || !make_icmp6_error(skb, slot, type_and_code, info) ||
      !rewrite_macs(skb, dst, src)) {
    return drop(reason);
  }
  return (struct verdict){deliver(skb, slot).action, reason};
}
