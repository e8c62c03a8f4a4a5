// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one form of an address: making, comparing and ordering.
#pragma once

#include "bpf/lib/kernel_min.bpf.h"
#include "maps/abi/base.h"

static __always_inline struct ebn_addr addr_v4(__be32 address) {
  return (struct ebn_addr){{0, 0, bpf_htonl(0xffff), address}};
}

static __always_inline bool addr_equal(const struct ebn_addr* a, const struct ebn_addr* b) {
  return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

static __always_inline bool addr_is_none(const struct ebn_addr* a) {
  return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

static __always_inline bool addr_is_v4(const struct ebn_addr* a) {
  return (a->w[0] | a->w[1]) == 0 && a->w[2] == bpf_htonl(0xffff);
}

// A total order, the same on every CPU and host of one byte order; it has no meaning beyond that.
static __always_inline int addr_compare(const struct ebn_addr* a, const struct ebn_addr* b) {
  for (int i = 3; i >= 0; i--) {
    if (a->w[i] != b->w[i]) {
      return a->w[i] < b->w[i] ? -1 : 1;
    }
  }
  return 0;
}

// Never the source or destination of a packet that is routed: this host, this network, groups,
// broadcast.
static __always_inline bool is_martian(__be32 address) {
  const __u32 host = bpf_ntohl(address);
  return host >> 24 == 0 || host >> 24 == 127 || host >> 28 >= 0xe;
}
