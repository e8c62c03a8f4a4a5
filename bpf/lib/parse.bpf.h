// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One parse function per header, and every length is checked once, here. Different facts have
// different types: an ethertype never meets a protocol number.
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/lib/addr.bpf.h"
#include "bpf/lib/verdict.bpf.h"

struct ethertype {
  __be16 be;
};

enum fragment_part {
  FRAGMENT_NONE = 0,
  FRAGMENT_FIRST = 1,
  FRAGMENT_LATER = 2, // no ports in this packet
};

enum tcp_flag {
  TCP_FIN = 0x01,
  TCP_SYN = 0x02,
  TCP_RST = 0x04,
  TCP_ACK = 0x10,
};

// What the stages know of an IP packet. Ports are those of TCP and UDP; an ICMP echo has its
// identifier as the port of the side that asked, and 0 as the other.
struct packet {
  struct ebn_addr src;
  struct ebn_addr dst;
  __u32 l4_off; // from the start of the packet data
  __u32 ip_len; // bytes of the IP packet, from its header
  __be16 sport;
  __be16 dport;
  __be16 ip_id;
  __u8 proto;
  __u8 ttl;
  __u8 tcp_flags;
  __u8 fragment;  // enum fragment_part
  __u8 icmp_type; // proto ICMP only
  __u8 has_ports; // TCP, UDP, or an ICMP echo
};

// Makes the first `bytes` of the packet readable in place; bytes is a constant of the caller.
static __always_inline bool ensure(struct __sk_buff* skb, __u32 bytes) {
  if ((void*)(long)skb->data + bytes <= (void*)(long)skb->data_end) {
    return true;
  }
  return bpf_skb_pull_data(skb, bytes) == 0 &&
         (void*)(long)skb->data + bytes <= (void*)(long)skb->data_end;
}

static __always_inline struct ethhdr* ethernet_header(struct __sk_buff* skb) {
  void* data = (void*)(long)skb->data;
  return data + sizeof(struct ethhdr) <= (void*)(long)skb->data_end ? data : NULL;
}

// The transport header of `bytes`, readable in place: a helper's copy costs more than all of
// parsing. `off` is that of an IPv4 header's end, at most 74 from the start. NULL: not there.
static __always_inline const void* transport_header(struct __sk_buff* skb, __u32 off, __u32 bytes) {
  const void* at = (void*)(long)skb->data + (off & 127);
  if (at + bytes <= (void*)(long)skb->data_end) {
    return at;
  }
  if (bpf_skb_pull_data(skb, off + bytes)) {
    return NULL;
  }
  at = (void*)(long)skb->data + (off & 127);
  return at + bytes <= (void*)(long)skb->data_end ? at : NULL;
}

static __always_inline bool parse_icmp(struct __sk_buff* skb, struct packet* p, __u32 l4_len) {
  const struct icmp_echo_header* icmp =
      l4_len < sizeof *icmp ? NULL : transport_header(skb, p->l4_off, sizeof *icmp);
  if (!icmp) {
    return false;
  }
  p->icmp_type = icmp->type;
  if (icmp->type == ICMP_ECHO) {
    p->sport = icmp->id;
    p->has_ports = 1;
  } else if (icmp->type == ICMP_ECHOREPLY) {
    p->dport = icmp->id;
    p->has_ports = 1;
  }
  return true;
}

static __always_inline bool parse_tcp(struct __sk_buff* skb, struct packet* p, __u32 l4_len) {
  const struct tcphdr* tcp =
      l4_len < sizeof *tcp ? NULL : transport_header(skb, p->l4_off, sizeof *tcp);
  if (!tcp || tcp->doff < 5 || (__u32)tcp->doff * 4 > l4_len) {
    return false;
  }
  p->sport = tcp->source;
  p->dport = tcp->dest;
  p->tcp_flags = ((const __u8*)tcp)[13];
  p->has_ports = 1;
  return true;
}

static __always_inline bool parse_udp(struct __sk_buff* skb, struct packet* p, __u32 l4_len) {
  const struct udphdr* udp =
      l4_len < sizeof *udp ? NULL : transport_header(skb, p->l4_off, sizeof *udp);
  if (!udp) {
    return false;
  }
  const __u32 udp_len = bpf_ntohs(udp->len);
  if (udp_len < sizeof *udp ||
      (p->fragment == FRAGMENT_NONE && !skb->gso_size && udp_len > l4_len)) {
    return false;
  }
  p->sport = udp->source;
  p->dport = udp->dest;
  p->has_ports = 1;
  return true;
}

// RFC 791. False: malformed, and nothing of *p may be used.
static __always_inline bool parse_ipv4(struct __sk_buff* skb, struct packet* p) {
  __builtin_memset(p, 0, sizeof *p);
  if (!ensure(skb, cfg.l2_len + sizeof(struct iphdr))) {
    return false;
  }
  void* data = (void*)(long)skb->data;
  struct iphdr* ip = data + cfg.l2_len;
  if ((void*)(ip + 1) > (void*)(long)skb->data_end) {
    return false;
  }
  const __u32 header_len = (__u32)ip->ihl * 4;
  const __u16 offset = bpf_ntohs(ip->frag_off);
  p->ip_len = bpf_ntohs(ip->tot_len);
  if (ip->version != 4 || header_len < sizeof *ip || p->ip_len < header_len ||
      cfg.l2_len + p->ip_len > skb->len) {
    return false;
  }
  p->src = addr_v4(ip->saddr);
  p->dst = addr_v4(ip->daddr);
  p->l4_off = cfg.l2_len + header_len;
  p->ip_id = ip->id;
  p->proto = ip->protocol;
  p->ttl = ip->ttl;
  if (offset & 0x1fff) {
    p->fragment = FRAGMENT_LATER;
    return true;
  }
  p->fragment = offset & 0x2000 ? FRAGMENT_FIRST : FRAGMENT_NONE;
  const __u32 l4_len = p->ip_len - header_len;
  switch (p->proto) {
  case EBN_PROTO_TCP:
    return parse_tcp(skb, p, l4_len);
  case EBN_PROTO_UDP:
    return parse_udp(skb, p, l4_len);
  case EBN_PROTO_ICMP:
    return parse_icmp(skb, p, l4_len);
  default:
    return true;
  }
}
