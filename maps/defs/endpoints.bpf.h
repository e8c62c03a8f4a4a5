// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Endpoint records by slot. Written by the daemon; read by every program on a veth.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/endpoint.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EBN_MAX_ENDPOINTS);
  __type(key, __u32);
  __type(value, struct ebn_endpoint);
} endpoints SEC(".maps");
