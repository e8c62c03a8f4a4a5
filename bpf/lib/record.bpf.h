// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Records of endpoints and networks.
#pragma once

#include "bpf/lib/addr.bpf.h"
#include "maps/defs/endpoints.bpf.h"
#include "maps/defs/networks.bpf.h"
#include "maps/defs/networks6.bpf.h"

// The endpoint whose host veth is `ifindex`, or NULL.
static __always_inline struct ebn_endpoint* endpoint_of(__u32 ifindex) {
  __u32 slot = ifindex - EBN_VETH_IFINDEX_BASE;
  struct ebn_endpoint* ep = bpf_map_lookup_elem(&endpoints, &slot);
  return ep && ep->network ? ep : NULL;
}

static __always_inline struct ebn_endpoint* endpoint_at(__u32 slot) {
  struct ebn_endpoint* ep = bpf_map_lookup_elem(&endpoints, &slot);
  return ep && ep->network ? ep : NULL;
}

static __always_inline struct ebn_network* network_at(__u32 network) {
  return bpf_map_lookup_elem(&networks, &network);
}

static __always_inline struct ebn_network6* network6_at(__u32 network) {
  return bpf_map_lookup_elem(&networks6, &network);
}

// The endpoint's address of a family.
static __always_inline const struct ebn_addr* address_of(const struct ebn_endpoint* ep,
                                                         __u8 family) {
  return family == EBN_AF_INET6 ? &ep->addr6 : &ep->addr4;
}

// The address by which the host's stack knows an endpoint of an overlapping network; zero: its own.
static __always_inline struct ebn_addr host_address_of(const struct ebn_endpoint* ep, __u32 slot,
                                                       __u8 family) {
  if (family == EBN_AF_INET) {
    return ep->host_addr;
  }
  if (!(ep->flags & EBN_EP_HOST6)) {
    return (struct ebn_addr){};
  }
  return (struct ebn_addr){{bpf_htonl(EBN_HOST6_WORD0), 0, 0, bpf_htonl(slot)}};
}
