// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One parse function per header, and every length is checked once, here. Different facts have
// different types: an ethertype never meets a protocol number.
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
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
  __be32 ip_id; // of a fragment; IPv4 has the upper 16 bits only
  __be16 sport;
  __be16 dport;
  __u8 proto; // IPv6: after the extension headers
  __u8 ttl;
  __u8 tcp_flags;
  __u8 fragment;  // enum fragment_part
  __u8 icmp_type; // proto ICMP and ICMPV6 only
  __u8 has_ports; // TCP, UDP, or an ICMP echo
  __u8 family;    // EBN_AF_INET or EBN_AF_INET6
  __u8 pad;
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

// Where a transport header may begin: the end of an IPv4 header is at most 74 from the start, that
// of an IPv6 header with extensions is bounded by what parse_ipv6 accepts.
enum {
  L4_OFF_LIMIT = 256,
};

// The transport header of `bytes`, readable in place: a helper's copy costs more than all of
// parsing. NULL: not there.
static __always_inline const void* transport_header(struct __sk_buff* skb, __u32 off, __u32 bytes) {
  const void* at = (void*)(long)skb->data + (off & (L4_OFF_LIMIT - 1));
  if (at + bytes <= (void*)(long)skb->data_end) {
    return at;
  }
  if (bpf_skb_pull_data(skb, off + bytes)) {
    return NULL;
  }
  at = (void*)(long)skb->data + (off & (L4_OFF_LIMIT - 1));
  return at + bytes <= (void*)(long)skb->data_end ? at : NULL;
}

// Echo requests and replies of both families.
static __always_inline bool icmp_asks(__u8 proto, __u8 type) {
  return type == (proto == EBN_PROTO_ICMPV6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO);
}

static __always_inline bool icmp_answers(__u8 proto, __u8 type) {
  return type == (proto == EBN_PROTO_ICMPV6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY);
}

static __always_inline bool parse_icmp(struct __sk_buff* skb, struct packet* p, __u32 l4_len) {
  const struct icmp_echo_header* icmp =
      l4_len < sizeof *icmp ? NULL : transport_header(skb, p->l4_off, sizeof *icmp);
  if (!icmp) {
    return false;
  }
  p->icmp_type = icmp->type;
  if (icmp_asks(p->proto, icmp->type)) {
    p->sport = icmp->id;
    p->has_ports = 1;
  } else if (icmp_answers(p->proto, icmp->type)) {
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
  p->family = EBN_AF_INET;
  p->src = addr_v4(ip->saddr);
  p->dst = addr_v4(ip->daddr);
  p->l4_off = cfg.l2_len + header_len;
  p->ip_id = bpf_htonl((__u32)bpf_ntohs(ip->id) << 16);
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

// An extension header (RFC 8200), and what a fragment's has (the same eight bytes).
struct extension {
  __u8 next;
  __u8 units; // of 8 bytes, without the first 8; AH: of 4 bytes, without the first 8
  __be16 offset_and_more;
  __be32 id;
};

enum {
  EXTENSIONS = 8, // more than that nobody sends
};

// Goes on from one extension header to the next; 0: that was the last, or what follows is not
// walked.
static __always_inline __u32 extension_len(struct packet* p, const struct extension* header) {
  switch (p->proto) {
  case EBN_PROTO_HOPOPTS:
  case EBN_PROTO_ROUTING:
  case EBN_PROTO_DSTOPTS:
    return ((__u32)header->units + 1) * 8;
  case EBN_PROTO_AH:
    return ((__u32)header->units + 2) * 4;
  case EBN_PROTO_FRAGMENT:
    p->ip_id = header->id;
    if (header->offset_and_more & bpf_htons(0xfff8)) {
      p->fragment = FRAGMENT_LATER;
    } else if (header->offset_and_more & bpf_htons(1)) {
      p->fragment = FRAGMENT_FIRST;
    }
    return sizeof *header;
  default:
    return 0;
  }
}

// Steps over the extension headers of p: proto and l4_off become those of what they lead to. A
// later fragment ends the walk. False: malformed, or too long a chain.
EBN_GLOBAL bool skip_extensions(struct __sk_buff* skb, struct packet* p) {
  struct extension header;
  if (!p) {
    return false;
  }
  const __u32 end = cfg.l2_len + p->ip_len;
  for (int i = 0; i < EXTENSIONS; i++) {
    const bool known = p->proto == EBN_PROTO_HOPOPTS || p->proto == EBN_PROTO_ROUTING ||
                       p->proto == EBN_PROTO_DSTOPTS || p->proto == EBN_PROTO_AH ||
                       p->proto == EBN_PROTO_FRAGMENT;
    if (!known || p->fragment == FRAGMENT_LATER) {
      return true;
    }
    if (p->l4_off + sizeof header > end ||
        bpf_skb_load_bytes(skb, p->l4_off, &header, sizeof header)) {
      return false;
    }
    p->l4_off += extension_len(p, &header);
    p->proto = header.next;
    if (p->l4_off > end || p->l4_off > L4_OFF_LIMIT - sizeof(struct tcphdr)) {
      return false;
    }
  }
  return false;
}

static __always_inline struct ebn_addr addr_v6(const struct in6_addr* a) {
  const __be32* w = (const __be32*)a;
  return (struct ebn_addr){{w[0], w[1], w[2], w[3]}};
}

// RFC 8200. False: malformed, and nothing of *p may be used. An IPv4-mapped address has no place on
// a wire, and would mean somebody else here.
static __always_inline bool parse_ipv6(struct __sk_buff* skb, struct packet* p) {
  __builtin_memset(p, 0, sizeof *p);
  if (!ensure(skb, cfg.l2_len + sizeof(struct ipv6hdr))) {
    return false;
  }
  void* data = (void*)(long)skb->data;
  struct ipv6hdr* ip = data + cfg.l2_len;
  if ((void*)(ip + 1) > (void*)(long)skb->data_end) {
    return false;
  }
  const __u32 payload = bpf_ntohs(ip->payload_len);
  // A jumbogram exists inside one host only, as a packet that is still to be cut (Linux 5.19).
  p->ip_len = payload || !skb->gso_size ? sizeof *ip + payload : skb->len - cfg.l2_len;
  if (*(__u8*)ip >> 4 != 6 || cfg.l2_len + p->ip_len > skb->len) {
    return false;
  }
  p->family = EBN_AF_INET6;
  p->src = addr_v6(&ip->saddr);
  p->dst = addr_v6(&ip->daddr);
  if (addr_is_v4(&p->src) || addr_is_v4(&p->dst)) {
    return false;
  }
  p->l4_off = cfg.l2_len + sizeof *ip;
  p->proto = ip->nexthdr;
  p->ttl = ip->hop_limit;
  if (p->proto != EBN_PROTO_TCP && p->proto != EBN_PROTO_UDP && p->proto != EBN_PROTO_ICMPV6 &&
      !skip_extensions(skb, p)) {
    return false;
  }
  if (p->fragment == FRAGMENT_LATER) {
    return true;
  }
  const __u32 l4_len = cfg.l2_len + p->ip_len - p->l4_off;
  switch (p->proto) {
  case EBN_PROTO_TCP:
    return parse_tcp(skb, p, l4_len);
  case EBN_PROTO_UDP:
    return parse_udp(skb, p, l4_len);
  case EBN_PROTO_ICMPV6:
    return parse_icmp(skb, p, l4_len);
  default:
    return true;
  }
}
