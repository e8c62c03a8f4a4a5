// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sizes and number ranges that both sides must agree on.
#pragma once

enum {
  EBN_SCHEMA_VERSION = 2, // of every layout in maps/abi; part of the pin path

  EBN_MAX_ENDPOINTS = 16384,  // slots; slot 0 is never used
  EBN_MAX_NETWORKS = 4096,    // network indexes; 0 stands for "no network" (traffic of nobody's)
  EBN_MAX_SANDBOXES = 16384,  // sandbox numbers; 0 is never used
  EBN_MAX_PUBLISHES = 16384,  // published ranges; 0 ends a chain
  EBN_MAX_PUBLISH_CHAIN = 32, // overlapping published ranges that one port may belong to
  EBN_MAX_HOST_ADDRS = 4096,
  EBN_MAX_UPLINKS = 1024,
  EBN_MAX_SUBNETS = 8192,

  EBN_FLOWS = 131072,      // established flows
  EBN_NEW_FLOWS = 65536,   // flows that saw no reply yet
  EBN_MASQ_PORTS = 131072, // reserved (host address, port, remote) tuples
  EBN_CLOCK_SPARE = 65536, // room in the queues of the clock for what ended before its time
  EBN_HOST_PEERS = 65536,  // sockets of the host that use a published port
  EBN_FRAGMENTS = 8192,    // datagrams whose first fragment was seen

  // Interface indexes are chosen when the devices are made, so that a table lookup is an array
  // access.
  EBN_BRIDGE_IFINDEX_BASE = 0x00f00000, // + network index
  EBN_VETH_IFINDEX_BASE = 0x01000000,   // + slot
};
