// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// All subnets of all networks, for isolation: prefix -> network index (of the newest where subnets
// are equal). Written by the daemon; read for new routed flows.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/network.h"

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, EBN_MAX_SUBNETS);
  __type(key, struct ebn_subnet_key);
  __type(value, __u32);
} subnets SEC(".maps");
