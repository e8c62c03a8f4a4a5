// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The looks that are due at entries which end by time. Times are of the coarse monotonic clock.
#pragma once

#include "maps/abi/flow.h"

#define EBN_LOOK_EVERY_NS 5000000000ULL

struct ebn_clock_flow {
  struct ebn_flow_key key; // in flows
  __u32 pad;
  __u64 created_ns; // of the flow meant: a later one may have its key
  __u64 due_ns;
};
EBN_ASSERT_SIZE(struct ebn_clock_flow, 64);

struct ebn_clock_port {
  struct ebn_masq_key key; // in masq_ports
  __u64 created_ns;
  __u64 due_ns;
};
EBN_ASSERT_SIZE(struct ebn_clock_port, 56);

struct ebn_clock_scratch {
  struct ebn_clock_flow flow;
  struct ebn_clock_port port;
};

struct ebn_clock {
  struct bpf_timer timer;
};
