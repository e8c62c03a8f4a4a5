// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What user space tells packet_again.bpf.c.
#pragma once

#include "maps/abi/base.h"

enum {
  AGAIN_WORDS = 7, // 56 bytes: the headers of Ethernet, IPv4 and TCP (54), or UDP and some payload
};

enum again_vary {
  AGAIN_SAME = 0,
  AGAIN_NEW_SOURCE = 1, // each run has a source address and port of its own
  AGAIN_NEW_DESTINATION = 2,
};

struct again_state {
  __u64 headers[AGAIN_WORDS]; // as on the wire
  __u32 vary;                 // enum again_vary
  __u32 number;               // of the next varied packet
};
EBN_ASSERT_SIZE(struct again_state, 64);
