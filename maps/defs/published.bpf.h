// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ranges by record number. Written by the daemon; read for packets to a published port.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/publish.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, EBN_MAX_PUBLISHES);
  __type(key, __u32);
  __type(value, struct ebn_publish);
} published SEC(".maps");
