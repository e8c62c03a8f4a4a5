// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// (protocol, host port) -> first record of the chain in published; 0: not published. Memory-mapped
// and written by the daemon, so that a range of any length is published by one pass over memory; an
// unpublished port costs one array read.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/publish.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, EBN_PORT_ROWS);
  __type(key, __u32);
  __type(value, __u64);
} port_index SEC(".maps");
