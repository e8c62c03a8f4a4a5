// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ICMP errors about translated flows (RFC 5508): the header that stands in the error is translated
// as well as the error's own, so that the receiver recognises the packet that it once sent.
#pragma once

#include "bpf/lib/rewrite.bpf.h"

enum {
  ICMP_ERROR_HEADER = 8,
};

static __always_inline bool is_icmp_error(const struct packet* p) {
  return p->proto == EBN_PROTO_ICMP && p->fragment == FRAGMENT_NONE &&
         (p->icmp_type == ICMP_DEST_UNREACH || p->icmp_type == ICMP_TIME_EXCEEDED ||
          p->icmp_type == ICMP_PARAMETERPROB);
}

// Describes in *back the packet that would answer the quoted one: it has the direction of the
// error, and the flow of *back is the flow of the error. l4_off is that of the quoted transport
// header, ip_len what there is of it. False: nothing that has ports is quoted.
EBN_GLOBAL bool parse_quoted(struct __sk_buff* skb, const struct packet* p, struct packet* back) {
  struct iphdr ip;
  __be16 l4[4];
  if (!p || !back) {
    return false;
  }
  const __u32 ip_off = p->l4_off + ICMP_ERROR_HEADER;
  if (bpf_skb_load_bytes(skb, ip_off, &ip, sizeof ip) || ip.version != 4 || ip.ihl < 5 ||
      ip.frag_off & bpf_htons(0x1fff)) {
    return false;
  }
  const __u32 l4_off = ip_off + ip.ihl * 4;
  if (cfg.l2_len + p->ip_len < l4_off + sizeof l4 ||
      bpf_skb_load_bytes(skb, l4_off, l4, sizeof l4)) {
    return false;
  }
  __builtin_memset(back, 0, sizeof *back);
  back->src = addr_v4(ip.daddr);
  back->dst = addr_v4(ip.saddr);
  back->proto = ip.protocol;
  back->l4_off = l4_off;
  back->ip_len = cfg.l2_len + p->ip_len - l4_off;
  if (ip.protocol == EBN_PROTO_TCP || ip.protocol == EBN_PROTO_UDP) {
    back->sport = l4[1];
    back->dport = l4[0];
    return true;
  }
  back->icmp_type = *(__u8*)l4;
  if (ip.protocol != EBN_PROTO_ICMP ||
      (back->icmp_type != ICMP_ECHO && back->icmp_type != ICMP_ECHOREPLY)) {
    return false;
  }
  back->dport = back->icmp_type == ICMP_ECHO ? l4[2] : 0;
  back->sport = back->icmp_type == ICMP_ECHO ? 0 : l4[2];
  return true;
}

// From the checksum of an IP header to its end.
struct quoted_addresses {
  __be16 check;
  __be32 src;
  __be32 dst;
} __attribute__((packed));

// The quoted IP header; *diff is what the sum of its addresses changed by. The sum of the whole
// header, and with it the error's checksum, stays.
static __always_inline bool rewrite_quoted_ip(struct __sk_buff* skb, __u32 ip_off,
                                              const struct translation* t, __u32* diff) {
  const __u32 off = ip_off + offsetof(struct iphdr, check);
  struct quoted_addresses quoted;
  if (bpf_skb_load_bytes(skb, off, &quoted, sizeof quoted)) {
    return false;
  }
  __u32 sum = csum_add32(~quoted.src, t->dst);
  sum = csum_add32(sum, ~quoted.dst);
  sum = csum_add32(sum, t->src);
  quoted.check = csum_fold(csum_add32((__u16)~quoted.check, sum));
  quoted.src = t->dst;
  quoted.dst = t->src;
  *diff = sum;
  return bpf_skb_store_bytes(skb, off, &quoted, sizeof quoted, 0) == 0;
}

// The quoted ports, or the quoted identifier; *diff is what their sum changed by.
static __always_inline bool store_quoted_ports(struct __sk_buff* skb, const struct packet* back,
                                               const struct translation* t, __u32* diff) {
  const __be16 ports[2] = {t->dport, t->sport};
  const bool asked = back->icmp_type == ICMP_ECHO;
  if (back->proto == EBN_PROTO_ICMP) {
    *diff = csum_add32((__u16) ~(asked ? back->dport : back->sport), ports[!asked]);
    return bpf_skb_store_bytes(skb, back->l4_off + 4, &ports[!asked], sizeof ports[0], 0) == 0;
  }
  *diff = csum_add32((__u16)~back->sport, t->sport);
  *diff = csum_add32(*diff, (__u16)~back->dport);
  *diff = csum_add32(*diff, t->dport);
  return bpf_skb_store_bytes(skb, back->l4_off, ports, sizeof ports, 0) == 0;
}

// The quoted transport header; *body_diff is what the sum of the error's body changed by. Its
// checksum may not be quoted.
static __always_inline bool rewrite_quoted_transport(struct __sk_buff* skb,
                                                     const struct packet* back,
                                                     const struct translation* t,
                                                     __u32 address_diff, __u32* body_diff) {
  const __u32 check_off = checksum_offset(back->proto);
  __be16 check = 0;
  __u32 diff = 0;
  if (!store_quoted_ports(skb, back, t, &diff)) {
    return false;
  }
  *body_diff = diff;
  if (back->ip_len < check_off + sizeof check) {
    return true;
  }
  if (bpf_skb_load_bytes(skb, back->l4_off + check_off, &check, sizeof check)) {
    return false;
  }
  if (back->proto == EBN_PROTO_UDP && check == 0) {
    return true;
  }
  const __be16 old = check;
  diff = back->proto == EBN_PROTO_ICMP ? diff : csum_add32(diff, address_diff);
  check = csum_fold(csum_add32((__u16)~old, diff));
  if (back->proto == EBN_PROTO_UDP && check == 0) {
    check = 0xffff;
  }
  *body_diff = csum_add32(*body_diff, csum_add32((__u16)~old, check));
  return bpf_skb_store_bytes(skb, back->l4_off + check_off, &check, sizeof check, 0) == 0;
}

// Translates the error p: the quoted packet as *t translates a packet of *back, the error's own
// header as *outer says. False: the packet is spoilt.
EBN_GLOBAL bool translate_error(struct __sk_buff* skb, const struct packet* p,
                                const struct packet* back, const struct translation* t,
                                const struct translation* outer) {
  __u32 address_diff = 0;
  __u32 body_diff = 0;
  if (!p || !back || !t || !outer ||
      !rewrite_quoted_ip(skb, p->l4_off + ICMP_ERROR_HEADER, t, &address_diff) ||
      !rewrite_quoted_transport(skb, back, t, address_diff, &body_diff) ||
      bpf_l4_csum_replace(skb, p->l4_off + checksum_offset(EBN_PROTO_ICMP), 0, body_diff, 0)) {
    return false;
  }
  return rewrite_ipv4_header(skb, outer);
}

static __always_inline struct translation translation_swapping(const struct packet* p, __be32 old,
                                                               __be32 new) {
  struct translation out = translation_of(p);
  out.src = out.src == old ? new : out.src;
  out.dst = out.dst == old ? new : out.dst;
  return out;
}

// Puts one address in the place of another as source and destination of p, and of what p quotes.
// False: the packet is spoilt.
EBN_GLOBAL bool swap_address(struct __sk_buff* skb, const struct packet* p, __be32 old,
                             __be32 new) {
  struct packet back;
  if (!p) {
    return false;
  }
  const struct translation t = translation_swapping(p, old, new);
  if (is_icmp_error(p) && parse_quoted(skb, p, &back)) {
    const struct translation quoted = translation_swapping(&back, old, new);
    return translate_error(skb, p, &back, &quoted, &t);
  }
  // Only what has ports has a transport header that is known and covers the addresses.
  return p->has_ports ? translate(skb, p, &t) : rewrite_ipv4_header(skb, &t);
}
