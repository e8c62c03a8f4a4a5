// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Flows that saw no reply yet. The oldest make room for new ones. Written and read by the programs.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/flow.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, EBN_NEW_FLOWS);
  __type(key, struct ebn_flow_key);
  __type(value, struct ebn_flow);
} new_flows SEC(".maps");
