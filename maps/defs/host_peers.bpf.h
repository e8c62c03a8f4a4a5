// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// (socket of the host, endpoint) -> published address and port that it asked for. The oldest make
// room for new ones. Written and read by the programs on the sockets of the host.
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "maps/abi/host_peer.h"
#include "maps/abi/limits.h"

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, EBN_HOST_PEERS);
  __type(key, struct ebn_host_peer_key);
  __type(value, struct ebn_host_peer);
} host_peers SEC(".maps");
