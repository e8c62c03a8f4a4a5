// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What every header of the contract builds on: fixed-width types, the one form of an address, size
// assertions. These headers are compiled by BPF C and by C++ alike; both sides see the same bytes.
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define EBN_ASSERT_SIZE(type, bytes)                                                               \
  static_assert(sizeof(type) == (bytes), #type " has an unexpected size")
#else
#define EBN_ASSERT_SIZE(type, bytes)                                                               \
  _Static_assert(sizeof(type) == (bytes), #type " has an unexpected size")
#endif

// An IP address of either family, network order; IPv4 is IPv4-mapped (::ffff:a.b.c.d), so w[3] is
// the IPv4 address. All zero stands for "none" or "any".
struct ebn_addr {
  __be32 w[4];
};
EBN_ASSERT_SIZE(struct ebn_addr, 16);
