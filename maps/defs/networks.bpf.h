// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Network records by index. Written by the daemon; read by every program.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/network.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EBN_MAX_NETWORKS);
  __type(key, __u32);
  __type(value, struct ebn_network);
} networks SEC(".maps");
