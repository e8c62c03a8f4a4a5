// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ICMP errors about translated flows (RFC 5508, RFC 4443): the header that stands in the error is
// translated as well as the error's own, so that the receiver recognises the packet that it once
// sent.
#pragma once

#include "bpf/lib/rewrite.bpf.h"
#include "bpf/lib/work.bpf.h"

enum {
  ICMP_ERROR_HEADER = 8,
};

static __always_inline bool is_icmp_error(const struct packet* p) {
  if (p->fragment != FRAGMENT_NONE) {
    return false;
  }
  if (p->proto == EBN_PROTO_ICMPV6) {
    return p->icmp_type >= ICMPV6_DEST_UNREACH && p->icmp_type <= ICMPV6_PARAMPROB;
  }
  return p->proto == EBN_PROTO_ICMP &&
         (p->icmp_type == ICMP_DEST_UNREACH || p->icmp_type == ICMP_TIME_EXCEEDED ||
          p->icmp_type == ICMP_PARAMETERPROB);
}

// The quoted IP header, into src, dst, proto and l4_off of *back.
static __always_inline bool parse_quoted_ipv4(struct __sk_buff* skb, __u32 ip_off,
                                              struct packet* back) {
  struct iphdr ip;
  if (bpf_skb_load_bytes(skb, ip_off, &ip, sizeof ip) || ip.version != 4 || ip.ihl < 5 ||
      ip.frag_off & bpf_htons(0x1fff)) {
    return false;
  }
  back->src = addr_v4(ip.daddr);
  back->dst = addr_v4(ip.saddr);
  back->proto = ip.protocol;
  back->l4_off = ip_off + ip.ihl * 4;
  return true;
}

// One without extension headers.
static __always_inline bool parse_quoted_ipv6(struct __sk_buff* skb, __u32 ip_off,
                                              struct packet* back) {
  struct {
    __u8 version;
    __u8 label[3];
    __be16 payload_len;
    __u8 next;
    __u8 hop_limit;
  } ip;
  if (bpf_skb_load_bytes(skb, ip_off, &ip, sizeof ip) || ip.version >> 4 != 6 ||
      bpf_skb_load_bytes(skb, ip_off + offsetof(struct ipv6hdr, saddr), &back->dst,
                         sizeof back->dst) ||
      bpf_skb_load_bytes(skb, ip_off + offsetof(struct ipv6hdr, daddr), &back->src,
                         sizeof back->src)) {
    return false;
  }
  back->proto = ip.next;
  back->l4_off = ip_off + sizeof(struct ipv6hdr);
  return !addr_is_v4(&back->src) && !addr_is_v4(&back->dst);
}

// Describes in the scratch space the packet that would answer the quoted one: it has the direction
// of the error, and its flow is the flow of the error. l4_off is that of the quoted transport
// header, ip_len what there is of it. False: nothing that has ports is quoted.
EBN_GLOBAL bool parse_quoted(struct __sk_buff* skb, const struct packet* p) {
  struct work* work = work_space();
  __be16 l4[4];
  if (!p || !work) {
    return false;
  }
  struct packet* back = &work->back;
  const __u32 ip_off = p->l4_off + ICMP_ERROR_HEADER;
  __builtin_memset(back, 0, sizeof *back);
  back->family = p->family;
  if (!(p->proto == EBN_PROTO_ICMPV6 ? parse_quoted_ipv6(skb, ip_off, back)
                                     : parse_quoted_ipv4(skb, ip_off, back)) ||
      cfg.l2_len + p->ip_len < back->l4_off + sizeof l4 ||
      bpf_skb_load_bytes(skb, back->l4_off, l4, sizeof l4)) {
    return false;
  }
  back->ip_len = cfg.l2_len + p->ip_len - back->l4_off;
  if (back->proto == EBN_PROTO_TCP || back->proto == EBN_PROTO_UDP) {
    back->sport = l4[1];
    back->dport = l4[0];
    return true;
  }
  back->icmp_type = *(__u8*)l4;
  const bool asks = icmp_asks(back->proto, back->icmp_type);
  if (back->proto != p->proto || !(asks || icmp_answers(back->proto, back->icmp_type))) {
    return false;
  }
  back->dport = asks ? l4[2] : 0;
  back->sport = asks ? 0 : l4[2];
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
static __noinline bool rewrite_quoted_ipv4(struct __sk_buff* skb, __u32 ip_off,
                                           const struct translation* t, __u32* diff) {
  const __u32 off = ip_off + offsetof(struct iphdr, check);
  struct quoted_addresses quoted;
  if (bpf_skb_load_bytes(skb, off, &quoted, sizeof quoted)) {
    return false;
  }
  __u32 sum = csum_add32(~quoted.src, t->dst.w[3]);
  sum = csum_add32(sum, ~quoted.dst);
  sum = csum_add32(sum, t->src.w[3]);
  quoted.check = csum_fold(csum_add32((__u16)~quoted.check, sum));
  quoted.src = t->dst.w[3];
  quoted.dst = t->src.w[3];
  *diff = sum;
  return bpf_skb_store_bytes(skb, off, &quoted, sizeof quoted, 0) == 0;
}

// The same; the error's checksum has to follow.
static __noinline bool rewrite_quoted_ipv6(struct __sk_buff* skb, __u32 ip_off,
                                           const struct packet* back, const struct translation* t,
                                           __u32* diff) {
  *diff = addr_diff(0, &back->dst, &t->dst, EBN_AF_INET6);
  *diff = addr_diff(*diff, &back->src, &t->src, EBN_AF_INET6);
  return !bpf_skb_store_bytes(skb, ip_off + offsetof(struct ipv6hdr, saddr), &t->dst, sizeof t->dst,
                              0) &&
         !bpf_skb_store_bytes(skb, ip_off + offsetof(struct ipv6hdr, daddr), &t->src, sizeof t->src,
                              0);
}

// The quoted ports, or the quoted identifier; *diff is what their sum changed by.
static __always_inline bool store_quoted_ports(struct __sk_buff* skb, const struct packet* back,
                                               const struct translation* t, __u32* diff) {
  const __be16 ports[2] = {t->dport, t->sport};
  const bool asked = icmp_asks(back->proto, back->icmp_type);
  if (back->proto == EBN_PROTO_ICMP || back->proto == EBN_PROTO_ICMPV6) {
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
static __noinline bool rewrite_quoted_transport(struct __sk_buff* skb, const struct packet* back,
                                                const struct translation* t, __u32 address_diff,
                                                __u32* body_diff) {
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

// The error's own header. Its checksum covers the addresses in IPv6 only. A function of its own, as
// all here that come one after the other: the frames of one chain of calls have 512 bytes.
static __noinline bool rewrite_outer(struct __sk_buff* skb, const struct packet* p,
                                     const struct translation* outer, __u32 check_off) {
  if (p->family == EBN_AF_INET) {
    return rewrite_ipv4_header(skb, outer);
  }
  __u32 diff = addr_diff(0, &p->src, &outer->src, EBN_AF_INET6);
  diff = addr_diff(diff, &p->dst, &outer->dst, EBN_AF_INET6);
  return !bpf_l4_csum_replace(skb, check_off, 0, diff, BPF_F_PSEUDO_HDR) &&
         rewrite_ipv6_header(skb, outer);
}

// Translates the error p: the quoted packet as work->t translates a packet of work->back, the
// error's own header as work->outer says. False: the packet is spoilt.
EBN_GLOBAL bool translate_error(struct __sk_buff* skb, const struct packet* p) {
  const struct work* work = work_space();
  __u32 address_diff = 0;
  __u32 body_diff = 0;
  if (!p || !work) {
    return false;
  }
  const bool v6 = p->proto == EBN_PROTO_ICMPV6;
  const __u32 ip_off = p->l4_off + ICMP_ERROR_HEADER;
  const __u32 check_off = p->l4_off + checksum_offset(p->proto);
  const struct translation* t = &work->t;
  if (!(v6 ? rewrite_quoted_ipv6(skb, ip_off, &work->back, t, &address_diff)
           : rewrite_quoted_ipv4(skb, ip_off, t, &address_diff)) ||
      !rewrite_quoted_transport(skb, &work->back, t, address_diff, &body_diff)) {
    return false;
  }
  if (v6) {
    body_diff = csum_add32(body_diff, address_diff);
  }
  return !bpf_l4_csum_replace(skb, check_off, 0, body_diff, 0) &&
         rewrite_outer(skb, p, &work->outer, check_off);
}

static __noinline int swap_in(struct translation* t, const struct packet* p,
                              const struct ebn_addr* old, const struct ebn_addr* new) {
  t->src = addr_equal(&p->src, old) ? *new : p->src;
  t->dst = addr_equal(&p->dst, old) ? *new : p->dst;
  t->sport = p->sport;
  t->dport = p->dport;
  t->ttl = p->ttl;
  return 0;
}

static __noinline bool translate_whole(struct __sk_buff* skb, const struct packet* p,
                                       const struct translation* t) {
  return translate(skb, p, t);
}

// Puts one address in the place of another as source and destination of p, and of what p quotes.
// False: the packet is spoilt.
EBN_GLOBAL bool swap_address(struct __sk_buff* skb, const struct packet* p,
                             const struct ebn_addr* old, const struct ebn_addr* new) {
  struct work* work = work_space();
  if (!p || !old || !new || !work) {
    return false;
  }
  swap_in(&work->outer, p, old, new);
  if (is_icmp_error(p) && parse_quoted(skb, p)) {
    swap_in(&work->t, &work->back, old, new);
    return translate_error(skb, p);
  }
  // Only what has ports has a transport header that is known and covers the addresses; of ICMPv6
  // all messages do.
  if (!p->has_ports && p->proto != EBN_PROTO_ICMPV6) {
    return rewrite_ip_header(skb, p, &work->outer);
  }
  return translate_whole(skb, p, &work->outer);
}
