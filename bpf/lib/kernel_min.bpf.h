// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Kernel constants that no UAPI header of Linux 6.1 gives to BPF C. Everything else comes from
// linux-libc-dev, so that a build needs neither BTF nor a running kernel of any version.
#pragma once

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define EBN_AF_INET 2
#define EBN_AF_INET6 10
#define EBN_CLOCK_MONOTONIC 1
#define EBN_ENOMEM 12
#define EBN_EEXIST 17

#define EBN_PACKET_HOST 0

#define EBN_ETH_HLEN 14
#define EBN_ETH_P_IP 0x0800
#define EBN_ETH_P_ARP 0x0806
#define EBN_ETH_P_IPV6 0x86DD

#define VLAN_VID_MASK 0x0fff // <linux/if_vlan.h>

#define EBN_PROTO_HOPOPTS 0
#define EBN_PROTO_ICMP 1
#define EBN_PROTO_TCP 6
#define EBN_PROTO_UDP 17
#define EBN_PROTO_ROUTING 43
#define EBN_PROTO_FRAGMENT 44
#define EBN_PROTO_AH 51
#define EBN_PROTO_ICMPV6 58
#define EBN_PROTO_DSTOPTS 60
#define EBN_PROTO_MPTCP 262 // of a socket: TCP on the wire

// A global function: the verifier checks it once by itself instead of once per way that leads to
// it. It must take every pointer for a possible NULL, and before Linux 6.2 may not use what a
// parameter points at as a map key or value; the small functions that do so are static.
#define EBN_GLOBAL __attribute__((noinline))

#define EBN_NS_PER_SEC 1000000000ULL

// <linux/icmp.h> and <linux/if_arp.h> pull in the C library.
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG 2
#define ICMPV6_TIME_EXCEED 3
#define ICMPV6_PARAMPROB 4
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_MLD_QUERY 130
#define ICMPV6_MLD_REPORT 131
#define ICMPV6_MLD_DONE 132
#define ICMPV6_ROUTER_SOLICIT 133
#define ICMPV6_ROUTER_ADVERT 134
#define ICMPV6_NEIGHBOUR_SOLICIT 135
#define ICMPV6_NEIGHBOUR_ADVERT 136
#define ICMPV6_REDIRECT 137
#define ICMPV6_MLD2_REPORT 143
#define ARPHRD_ETHER 1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY 2

// RFC 792 and RFC 4443, the first eight bytes of an echo.
struct icmp_echo_header {
  __u8 type;
  __u8 code;
  __be16 checksum;
  __be16 id;
  __be16 sequence;
};
