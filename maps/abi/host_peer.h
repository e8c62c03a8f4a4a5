// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a process of the host asked for when it was led to an endpoint: it is to see that, and not
// the endpoint, as its peer.
#pragma once

#include "maps/abi/base.h"

struct ebn_host_peer_key {
  __u64 socket;         // its cookie
  struct ebn_addr addr; // of the endpoint, as the host's stack knows it
  __be16 port;
  __u16 pad[3];
};
EBN_ASSERT_SIZE(struct ebn_host_peer_key, 32);

struct ebn_host_peer {
  struct ebn_addr addr;
  __be16 port;
  __u16 pad;
};
EBN_ASSERT_SIZE(struct ebn_host_peer, 20);
