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

static __always_inline bool publish_serves(const struct ebn_publish* record, __u8 proto,
                                           const struct ebn_addr* host, __be16 port) {
  const __u8 any = addr_is_v4(host) ? EBN_PUB_ANY4 : EBN_PUB_ANY6;
  return publish_has_port(record, proto, port) &&
         (record->flags & any || addr_equal(&record->host, host));
}

// The record that serves the port of that host address, walking the chain of overlapping ranges.
static __always_inline const struct ebn_publish*
published_for(__u32 chain, __u8 proto, const struct ebn_addr* host, __be16 port) {
  for (int i = 0; i < EBN_MAX_PUBLISH_CHAIN && chain; i++) {
    const struct ebn_publish* record = published_at(chain);
    if (!record) {
      break;
    }
    if (publish_serves(record, proto, host, port)) {
      return record;
    }
    chain = record->next;
  }
  return NULL;
}

static __always_inline __be16 target_port(const struct ebn_publish* record, __be16 host_port) {
  return bpf_htons(record->target + (bpf_ntohs(host_port) - record->first));
}
