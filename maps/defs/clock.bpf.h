// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When entries of flows and masq_ports are looked at next, in the order of time, and the timer that
// does so: see bpf/lib/expiry.bpf.h. Written and read by the programs; a look whose entry is gone
// falls out when its time comes.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/clock.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, EBN_FLOWS + EBN_CLOCK_SPARE);
  __type(value, struct ebn_clock_flow);
} clock_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, EBN_MASQ_PORTS + EBN_CLOCK_SPARE);
  __type(value, struct ebn_clock_port);
} clock_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ebn_clock);
} clock_timer SEC(".maps");

// Where a look is put together: no program has the stack for it. Not shared.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct ebn_clock_scratch);
} clock_scratch SEC(".maps");
