// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ports: one record per range, found through an index by (protocol, host port).
#pragma once

#include "maps/abi/base.h"

enum ebn_publish_flags {
  EBN_PUB_ANY4 = 1 << 0, // 0.0.0.0: every IPv4 address of the host
  EBN_PUB_ANY6 = 1 << 1, // [::]
};

struct ebn_publish {
  struct ebn_addr host; // one host address; zero with EBN_PUB_ANY*
  __u32 slot;           // the endpoint that serves
  __u32 next;           // the next record of overlapping ranges; 0: none
  __u16 first;          // host ports, host order, inclusive
  __u16 last;
  __u16 target; // port of the endpoint for `first`; the distance is kept
  __u8 proto;
  __u8 flags;
};
EBN_ASSERT_SIZE(struct ebn_publish, 32);

// Rows of the port index: EBN_PORT_ROW_TCP + port, EBN_PORT_ROW_UDP + port -> first record of a
// chain.
enum {
  EBN_PORT_ROW_TCP = 0,
  EBN_PORT_ROW_UDP = 65536,
  EBN_PORT_ROWS = 131072,
};
