// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Packets, bytes and drops per network. Written by every program; read by the daemon.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/counters.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, EBN_MAX_NETWORKS);
  __type(key, __u32);
  __type(value, struct ebn_counters);
} counters SEC(".maps");
