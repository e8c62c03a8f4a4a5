// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Flows that each sandbox has in flows and masq_ports, for its quota. Written and read by the
// programs.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/flow.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EBN_MAX_SANDBOXES);
  __type(key, __u32);
  __type(value, __u32);
} sandbox_flows SEC(".maps");
