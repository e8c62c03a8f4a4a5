// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Ports of datagrams whose first fragment was seen. Written and read by the programs.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/flow.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, EBN_FRAGMENTS);
  __type(key, struct ebn_fragment_key);
  __type(value, struct ebn_fragment);
} fragments SEC(".maps");
