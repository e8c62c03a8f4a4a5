// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The index of published ports: from (protocol, host port) to the chain of ranges that hold it.
#pragma once

#include "bpf/lib/addr.bpf.h"
#include "maps/defs/port_index.bpf.h"
#include "maps/defs/published.bpf.h"

// The chain that (proto, port) belongs to, or 0. One inlined array read.
static __always_inline __u32 published_chain(__u8 proto, __be16 port) {
  __u32 row = bpf_ntohs(port);
  if (proto == EBN_PROTO_UDP) {
    row += EBN_PORT_ROW_UDP;
  } else if (proto != EBN_PROTO_TCP) {
    return 0;
  }
  const __u64* first = bpf_map_lookup_elem(&port_index, &row);
  return first ? (__u32)*first : 0;
}

static __always_inline const struct ebn_publish* published_at(__u32 number) {
  return bpf_map_lookup_elem(&published, &number);
}

static __always_inline bool publish_has_port(const struct ebn_publish* record, __u8 proto,
                                             __be16 port) {
  const __u16 host = bpf_ntohs(port);
  return record->proto == proto && host >= record->first && host <= record->last;
}
