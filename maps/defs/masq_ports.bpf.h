// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reserved outside tuples of masqueraded flows -> the flow. Insertion without overwriting is what
// reserves a port. Written and read by the programs; removed by the clock, or with
// its flow.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/flow.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, EBN_MASQ_PORTS);
  __type(key, struct ebn_masq_key);
  __type(value, struct ebn_masq);
} masq_ports SEC(".maps");
