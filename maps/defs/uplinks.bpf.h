// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Interfaces that lead outside, by interface index. Written by the daemon; read for masquerading.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/uplink.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, EBN_MAX_UPLINKS);
  __type(key, __u32);
  __type(value, struct ebn_uplink);
} uplinks SEC(".maps");
