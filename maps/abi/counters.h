// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is counted per network, one row per CPU. Row 0 is for traffic of no network.
#pragma once

#include "maps/abi/base.h"
#include "maps/abi/drop.h"

enum ebn_path {
  EBN_PATH_LOCAL = 0, // endpoint to endpoint of one network by the short cut
  EBN_PATH_BRIDGE =
      1, // handed to the network's bridge: broadcast, multicast, unknown unicast, the gateway
  EBN_PATH_OUT = 2,       // masqueraded towards an uplink
  EBN_PATH_IN = 3,        // from an uplink to an endpoint
  EBN_PATH_HOST = 4,      // from the host's stack or the bridge to an endpoint
  EBN_PATH_PUBLISHED = 5, // between endpoints through a published port
  EBN_PATH_LIMIT = 8,
};

struct ebn_counters {
  __u64 packets[EBN_PATH_LIMIT];
  __u64 bytes[EBN_PATH_LIMIT];
  __u64 drops[EBN_DROP_LIMIT];
};
EBN_ASSERT_SIZE(struct ebn_counters, 640);
