// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// (network, address) -> endpoint or gateway. Written by the daemon; read by tc_from_container.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/endpoint.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4 * EBN_MAX_ENDPOINTS);
  __type(key, struct ebn_dest_key);
  __type(value, struct ebn_dest);
} destinations SEC(".maps");
