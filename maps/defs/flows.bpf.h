// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Established flows. A preallocated hash refuses when full, so that no live flow is evicted; each
// entry is removed by the clock. Written and read by the programs; the daemon reads, and
// removes what belongs to removed endpoints.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/flow.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, EBN_FLOWS);
  __type(key, struct ebn_flow_key);
  __type(value, struct ebn_flow);
} flows SEC(".maps");
