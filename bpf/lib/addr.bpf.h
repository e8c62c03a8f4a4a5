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

// Of one link only (RFC 4291, fe80::/10).
static __always_inline bool addr_is_link_local6(const struct ebn_addr* a) {
  return (a->w[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline bool is_martian4(__be32 address) {
  const __u32 host = bpf_ntohl(address);
  return host >> 24 == 0 || host >> 24 == 127 || host >> 28 >= 0xe;
}

// ::/96 has the unspecified and the loopback address.
static __always_inline bool is_martian6(const struct ebn_addr* a) {
  return (a->w[0] | a->w[1] | a->w[2]) == 0 || addr_is_link_local6(a) ||
         (a->w[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

// Never the source or destination of a packet that is routed: this host, this network, this link,
// groups, broadcast.
static __always_inline bool is_martian(const struct ebn_addr* a) {
  return addr_is_v4(a) ? is_martian4(a->w[3]) : is_martian6(a);
}

// One's complement sums (RFC 1624).
static __always_inline __u32 csum_add32(__u32 sum, __u32 value) {
  sum += value;
  return sum + (sum < value);
}

// What a sum changes by when one address takes the place of another.
static __always_inline __u32 addr_diff(__u32 sum, const struct ebn_addr* old,
                                       const struct ebn_addr* new, __u8 family) {
  if (family == EBN_AF_INET6) {
    for (int i = 0; i < 3; i++) {
      sum = csum_add32(sum, ~old->w[i]);
      sum = csum_add32(sum, new->w[i]);
      asm volatile(""
                   : "+r"(sum)
                   :
                   : "memory"); // word by word: all at once, they do not fit registers
    }
  }
  sum = csum_add32(sum, ~old->w[3]);
  return csum_add32(sum, new->w[3]);
}
