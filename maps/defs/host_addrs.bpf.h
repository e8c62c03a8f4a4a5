// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Addresses of the host itself (the gateway addresses of bridges too). Written by the daemon; read
// for published ports.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/limits.h"
#include "maps/abi/uplink.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, EBN_MAX_HOST_ADDRS);
  __type(key, struct ebn_addr);
  __type(value, __u32);
} host_addrs SEC(".maps");
