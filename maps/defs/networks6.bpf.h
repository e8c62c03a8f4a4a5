// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// IPv6 records of networks by index. Written by the daemon; read for routed IPv6 packets.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/network.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EBN_MAX_NETWORKS);
  __type(key, __u32);
  __type(value, struct ebn_network6);
} networks6 SEC(".maps");
