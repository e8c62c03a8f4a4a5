// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One attachment of a sandbox to a network. The table is indexed by slot; the host veth of slot N
// has the interface index EBN_VETH_IFINDEX_BASE + N.
#pragma once

#include "maps/abi/base.h"

enum ebn_endpoint_flags {
  EBN_EP_NAT_LOCAL = 1 << 0, // takes part in NAT with neighbours: published ports, later services
  EBN_EP_SPOOF_OK = 1 << 1,  // source addresses are not checked (-o com.ebpfnet.spoof_check=off)
  EBN_EP_HOST6 = 1 << 2,     // the host's stack sees EBN_HOST6 + slot instead of addr6
};

// Host-unique IPv6 addresses of the endpoints of overlapping networks: the slot is the last word.
// RFC 5180 keeps 2001:2::/48 out of the internet.
#define EBN_HOST6_WORD0 0x20010002

// An address of a network is in one record at a time: a record is cleared before its address is
// given away.
struct ebn_endpoint {
  __u32 network; // index; 0: the slot is free, nothing passes
  __u32 sandbox;
  struct ebn_addr addr4; // zero: none
  struct ebn_addr addr6; // zero: none
  struct ebn_addr
      host_addr; // what the host's stack sees instead of addr4 (overlapping networks); zero: addr4
  __u8 mac[6];
  __u16 flags;
  __u8 gw_mac[6]; // of the network's bridge
  __u16 mtu;      // bytes of the IP packet
};
EBN_ASSERT_SIZE(struct ebn_endpoint, 72);

// Who has an address in a network: the key of every in-network decision.
struct ebn_dest_key {
  __u32 network;
  struct ebn_addr addr;
};
EBN_ASSERT_SIZE(struct ebn_dest_key, 20);

enum ebn_dest_kind {
  EBN_DEST_ENDPOINT = 1,
  EBN_DEST_GATEWAY = 2, // the bridge itself
};

struct ebn_dest {
  __u32 slot; // EBN_DEST_ENDPOINT only
  __u8 mac[6];
  __u8 kind;
  __u8 flags; // EBN_EP_NAT_LOCAL of the endpoint
  __u16 mtu;
  __u16 pad;
};
EBN_ASSERT_SIZE(struct ebn_dest, 16);
