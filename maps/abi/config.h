// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Read-only data of every program, set once before loading. What the verifier knows to be constant
// costs nothing.
#pragma once

#include "maps/abi/base.h"

struct ebn_config {
  __u32 l2_len; // bytes before the IP header on this device: 14, or 0 for devices without Ethernet
                // header
  __u16 masq_first; // ports for masquerading, host order, inclusive
  __u16 masq_last;
  __u16 dns_port; // where the daemon's DNS socket listens on 127.0.0.11 in a sandbox, host order
  __u16 pad;
  __u32 flow_quota;   // flows that one sandbox may have in the tables
  __u64 netns_cookie; // the daemon's network namespace, for cgroup programs
};
EBN_ASSERT_SIZE(struct ebn_config, 24);
