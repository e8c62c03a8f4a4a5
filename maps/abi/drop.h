// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Why a packet was dropped. Append only: numbers are never reused, since dashboards and logs keep
// them.
#pragma once

//      name, number, label, meaning
#define EBN_DROP_REASONS(X)                                                                        \
  X(UNKNOWN_ENDPOINT, 1, "unknown_endpoint", "the interface has no endpoint record")               \
  X(MALFORMED, 2, "malformed", "a header is short, inconsistent or of an impossible value")        \
  X(SPOOFED_MAC, 3, "spoofed_mac", "the source MAC address is not the endpoint's")                 \
  X(SPOOFED_IP, 4, "spoofed_ip", "the source IP address is not the endpoint's")                    \
  X(SPOOFED_ARP, 5, "spoofed_arp", "an ARP message claims a foreign address")                      \
  X(VLAN_TAGGED, 6, "vlan_tagged", "VLAN tags are not carried in networks")                        \
  X(IPV6_DISABLED, 7, "ipv6_disabled", "IPv6 on a network without IPv6")                           \
  X(ISOLATED, 8, "isolated", "traffic between two networks")                                       \
  X(INTERNAL, 9, "internal", "traffic between an internal network and the outside")                \
  X(NO_ICC, 10, "no_icc", "the network forbids traffic between its endpoints")                     \
  X(DIRECT_ACCESS, 11, "direct_access", "an outside host addressed an endpoint directly")          \
  X(MARTIAN, 12, "martian", "an address that cannot be a source or destination here")              \
  X(TOO_BIG, 13, "too_big", "the packet exceeds the MTU of the way out")                           \
  X(UNSUPPORTED_PROTOCOL, 14, "unsupported_protocol", "a protocol that NAT cannot carry")          \
  X(FRAGMENT_UNKNOWN, 15, "fragment_unknown", "a later fragment whose first one was not seen")     \
  X(NO_FLOW, 16, "no_flow", "a TCP segment of no known connection")                                \
  X(PORTS_EXHAUSTED, 17, "ports_exhausted",                                                        \
    "no free port for masquerading towards this destination")                                      \
  X(FLOW_TABLE_FULL, 18, "flow_table_full", "the table of established flows is full")              \
  X(FLOW_QUOTA, 19, "flow_quota", "the sandbox has as many flows as it may have")                  \
  X(NAT_COLLISION, 20, "nat_collision",                                                            \
    "another flow has the same addresses and ports after translation")                             \
  X(NO_UPLINK_ADDRESS, 21, "no_uplink_address", "the way out has no address to masquerade with")   \
  X(NO_MASQUERADE, 22, "no_masquerade",                                                            \
    "the network does not masquerade and has no other way out")                                    \
  X(WRITE_FAILED, 23, "write_failed", "the kernel refused to change the packet")                   \
  X(NO_ROUTE, 24, "no_route", "the host has no route to the destination")                          \
  X(SPOOFED_ND, 25, "spoofed_nd", "a neighbour discovery message claims a foreign address")        \
  X(ROUTER_ADVERTISEMENT, 26, "router_advertisement",                                              \
    "an endpoint poses as an IPv6 router (advertisement or redirect)")                             \
  X(HOP_LIMIT, 27, "hop_limit", "the last hop of an IPv6 packet that had to be routed")

enum ebn_drop_reason {
  EBN_DROP_NONE = 0,
#define EBN_DROP_ENUM(name, number, label, meaning) EBN_DROP_##name = number,
  EBN_DROP_REASONS(EBN_DROP_ENUM)
#undef EBN_DROP_ENUM
      EBN_DROP_LIMIT = 64, // size of the counter row
};
