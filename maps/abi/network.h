// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a program must know of a network. The table is indexed by network index; the bridge of index
// N has the interface index EBN_BRIDGE_IFINDEX_BASE + N.
#pragma once

#include "maps/abi/base.h"

enum ebn_network_flags {
  EBN_NET_IN_USE = 1 << 0,
  EBN_NET_INTERNAL = 1 << 1, // nothing enters or leaves but what the host itself sends and receives
  EBN_NET_MASQUERADE = 1 << 2, // what leaves gets the host's address
  EBN_NET_NO_ICC = 1 << 3,     // endpoints may not talk to each other
  EBN_NET_IPV6 = 1 << 4,
};

struct ebn_network {
  __u32 flags;
  __u32 prefix4_len;
  struct ebn_addr subnet4; // zero: none
  struct ebn_addr gateway4;
};
EBN_ASSERT_SIZE(struct ebn_network, 40);

// The IPv6 part, in a table of its own with the same index: most packets of an IPv4 network would
// read a longer record in vain.
struct ebn_network6 {
  struct ebn_addr subnet; // zero: none
  struct ebn_addr gateway;
  __u32 prefix_len;
  __u32 pad;
};
EBN_ASSERT_SIZE(struct ebn_network6, 40);

// Key of the longest-prefix table of all subnets; length counts the bits of the mapped form (96 +
// IPv4 length).
struct ebn_subnet_key {
  __u32 length;
  struct ebn_addr addr;
};
EBN_ASSERT_SIZE(struct ebn_subnet_key, 20);
