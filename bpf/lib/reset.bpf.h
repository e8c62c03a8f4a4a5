// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The answer to a TCP segment of no known connection: a reset made of the segment itself (RFC 9293,
// 3.10.7.1), so that the sender learns at once what it would wait minutes for.
#pragma once

#include "bpf/lib/rewrite.bpf.h"

enum {
  RESET_TTL = 64,
};

static __always_inline __u32 plain_header_len(const struct packet* p) {
  return p->family == EBN_AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

// Never in answer to a reset; and only where the header has no options or extensions to turn round.
static __always_inline bool deserves_reset(const struct packet* p) {
  return p->proto == EBN_PROTO_TCP && p->fragment == FRAGMENT_NONE && !(p->tcp_flags & TCP_RST) &&
         p->l4_off == cfg.l2_len + plain_header_len(p);
}

static __always_inline void reset_header(struct tcphdr* out, const struct tcphdr* in,
                                         __u32 payload_len) {
  __builtin_memset(out, 0, sizeof *out);
  out->source = in->dest;
  out->dest = in->source;
  out->doff = sizeof *out / 4;
  out->rst = 1;
  if (in->ack) {
    out->seq = in->ack_seq;
  } else {
    out->ack = 1;
    out->ack_seq = bpf_htonl(bpf_ntohl(in->seq) + payload_len + in->syn + in->fin);
  }
}

static __always_inline bool write_reset_ipv4(struct __sk_buff* skb, const struct packet* p) {
  struct iphdr ip = {};
  ip.version = 4;
  ip.ihl = sizeof ip / 4;
  ip.tot_len = bpf_htons(sizeof ip + sizeof(struct tcphdr));
  ip.frag_off = bpf_htons(0x4000);
  ip.ttl = RESET_TTL;
  ip.protocol = EBN_PROTO_TCP;
  ip.saddr = p->dst.w[3];
  ip.daddr = p->src.w[3];
  ip.check = csum_fold(bpf_csum_diff(NULL, 0, (__be32*)&ip, sizeof ip, 0));
  return !bpf_skb_store_bytes(skb, cfg.l2_len, &ip, sizeof ip, 0);
}

static __always_inline bool write_reset_ipv6(struct __sk_buff* skb, const struct packet* p) {
  struct ipv6hdr ip = {};
  *(__u8*)&ip = 6 << 4;
  ip.payload_len = bpf_htons(sizeof(struct tcphdr));
  ip.nexthdr = EBN_PROTO_TCP;
  ip.hop_limit = RESET_TTL;
  __builtin_memcpy(&ip.saddr, &p->dst, sizeof p->dst);
  __builtin_memcpy(&ip.daddr, &p->src, sizeof p->src);
  return !bpf_skb_store_bytes(skb, cfg.l2_len, &ip, sizeof ip, 0);
}

// Whether a device will compute the checksum (CHECKSUM_PARTIAL): then a change that is not of the
// pseudo header leaves the field, zero now, as it is.
static __always_inline bool checksum_is_partial(struct __sk_buff* skb, __u32 check_off) {
  __be16 check = 0;
  bpf_l4_csum_replace(skb, check_off, 0, 1, 0);
  bpf_skb_load_bytes(skb, check_off, &check, sizeof check);
  return check == 0;
}

static __always_inline bool write_reset_checksum(struct __sk_buff* skb, const struct packet* p,
                                                 struct tcphdr* tcp) {
  const __u32 check_off = p->l4_off + checksum_offset(EBN_PROTO_TCP);
  const struct ebn_addr none = {};
  __u32 sum = addr_diff(0, &none, &p->src, p->family);
  sum = addr_diff(sum, &none, &p->dst, p->family);
  sum = csum_add32(sum, bpf_htonl(EBN_PROTO_TCP));
  sum = csum_add32(sum, bpf_htonl(sizeof *tcp));
  if (checksum_is_partial(skb, check_off)) {
    tcp->check = (__u16)~csum_fold(sum);
  } else {
    tcp->check = csum_fold(bpf_csum_diff(NULL, 0, (__be32*)tcp, sizeof *tcp, sum));
  }
  return bpf_skb_store_bytes(skb, check_off, &tcp->check, sizeof tcp->check, 0) == 0;
}

static __always_inline bool swap_macs(struct __sk_buff* skb) {
  __u8 mac[ETH_ALEN];
  struct ethhdr* eth = ethernet_header(skb);
  if (!eth) {
    return false;
  }
  __builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
  __builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
  __builtin_memcpy(eth->h_source, mac, ETH_ALEN);
  return true;
}

// Turns the segment p, which deserves it, into the reset that answers it. False: the packet is
// spoilt.
EBN_GLOBAL bool make_reset(struct __sk_buff* skb, const struct packet* p) {
  struct tcphdr in, out;
  if (!p || bpf_skb_load_bytes(skb, p->l4_off, &in, sizeof in)) {
    return false;
  }
  reset_header(&out, &in, p->ip_len - (p->l4_off - cfg.l2_len) - in.doff * 4);
  return !bpf_skb_change_tail(skb, p->l4_off + sizeof out, 0) &&
         (p->family == EBN_AF_INET6 ? write_reset_ipv6(skb, p) : write_reset_ipv4(skb, p)) &&
         !bpf_skb_store_bytes(skb, p->l4_off, &out, sizeof out, 0) &&
         write_reset_checksum(skb, p, &out) && (cfg.l2_len == 0 || swap_macs(skb));
}
