// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Ports of fragmented datagrams. The first fragment records them; later ones, which carry none,
// find them here. A later fragment that comes before its first one has no record.
#pragma once

#include "bpf/lib/parse.bpf.h"
#include "maps/defs/fragments.bpf.h"

static __always_inline void fragment_key(struct ebn_fragment_key* key, const struct packet* p,
                                         __u32 scope) {
  __builtin_memset(key, 0, sizeof *key);
  key->src = p->src;
  key->dst = p->dst;
  key->scope = scope | bpf_ntohl(p->ip_id) << 16;
  key->id = bpf_htons(bpf_ntohl(p->ip_id) >> 16);
  key->proto = p->proto;
}

// Whether p is a part of a datagram that has ports, in its first part.
static __always_inline bool needs_fragment_ports(const struct packet* p) {
  return p->fragment != FRAGMENT_NONE &&
         (p->proto == EBN_PROTO_TCP || p->proto == EBN_PROTO_UDP || p->proto == EBN_PROTO_ICMP ||
          p->proto == EBN_PROTO_ICMPV6);
}

// Gives a later fragment its datagram's ports, and records those of a first one. False: unknown
// datagram.
EBN_GLOBAL bool fragment_ports(struct packet* p, __u32 scope) {
  struct ebn_fragment_key key;
  if (!p) {
    return false;
  }
  fragment_key(&key, p, scope);
  if (p->fragment == FRAGMENT_FIRST) {
    if (!p->has_ports) {
      return true;
    }
    const struct ebn_fragment ports = {p->sport, p->dport};
    bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
    return true;
  }
  const struct ebn_fragment* known = bpf_map_lookup_elem(&fragments, &key);
  if (!known) {
    return false;
  }
  p->sport = known->sport;
  p->dport = known->dport;
  p->has_ports = 1;
  return true;
}
