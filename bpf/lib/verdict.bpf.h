// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How a program ends: every stage returns a verdict, and `finish` turns it into the action of the
// hook. A drop without a reason has no spelling: drop() takes the reason and finish() counts it
// under the network.
#pragma once

#include "bpf/lib/kernel_min.bpf.h"
#include "maps/abi/config.h"
#include "maps/defs/counters.bpf.h"

const volatile struct ebn_config cfg = {};

// What a stage in a function of its own says of a packet that it left as it was, for the next one.
enum {
  NOT_OURS = TC_ACT_PIPE,
};

struct verdict {
  int action;
  enum ebn_drop_reason reason;
};

static __always_inline struct verdict drop(enum ebn_drop_reason reason) {
  return (struct verdict){TC_ACT_SHOT, reason};
}

// Goes on to the kernel: programs of others on the same hook still see it.
static __always_inline struct verdict to_kernel(void) {
  return (struct verdict){TC_ACT_UNSPEC, EBN_DROP_NONE};
}

// What a redirect helper returned.
static __always_inline struct verdict redirected(long action) {
  return (struct verdict){(int)action, EBN_DROP_NONE};
}

// Inserts what is not there: 0, -EEXIST, or another error. Before Linux 6.4 the upper half of what
// the helper returns is undefined, so it must not be compared as the long that it is declared as.
#define insert_new(map, key, value) ((int)bpf_map_update_elem(map, key, value, BPF_NOEXIST))

static __always_inline void count(__u32 network, enum ebn_path path, __u32 bytes) {
  struct ebn_counters* row = bpf_map_lookup_elem(&counters, &network);
  if (row) {
    row->packets[path] += 1;
    row->bytes[path] += bytes;
  }
}

static __always_inline int finish(__u32 network, struct verdict v) {
  if (v.reason != EBN_DROP_NONE) {
    // The compiler knows the range of the reasons; the verifier must see it.
    __u32 reason = v.reason;
    asm volatile("" : "+r"(reason));
    struct ebn_counters* row = bpf_map_lookup_elem(&counters, &network);
    if (row) {
      row->drops[reason & (EBN_DROP_LIMIT - 1)] += 1;
    }
  }
  return v.action;
}
