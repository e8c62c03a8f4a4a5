// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Sockets of the host itself, which may have a tuple that NAT would take for its own.
#pragma once

#include "bpf/lib/addr.bpf.h"

// Whether a socket of the host has this TCP connection (also one in TIME_WAIT or that listens), or
// takes UDP datagrams of this tuple.
static __always_inline bool host_socket_has(struct __sk_buff* skb, __u8 proto,
                                            const struct ebn_addr* remote, __be16 remote_port,
                                            const struct ebn_addr* host, __be16 host_port) {
  struct bpf_sock_tuple tuple = {};
  __u32 len = sizeof tuple.ipv6;
  if (addr_is_v4(host)) {
    len = sizeof tuple.ipv4;
    tuple.ipv4.saddr = remote->w[3];
    tuple.ipv4.daddr = host->w[3];
    tuple.ipv4.sport = remote_port;
    tuple.ipv4.dport = host_port;
  } else {
    __builtin_memcpy(tuple.ipv6.saddr, remote, sizeof *remote);
    __builtin_memcpy(tuple.ipv6.daddr, host, sizeof *host);
    tuple.ipv6.sport = remote_port;
    tuple.ipv6.dport = host_port;
  }
  struct bpf_sock* sk = proto == EBN_PROTO_TCP
                            ? bpf_skc_lookup_tcp(skb, &tuple, len, BPF_F_CURRENT_NETNS, 0)
                            : bpf_sk_lookup_udp(skb, &tuple, len, BPF_F_CURRENT_NETNS, 0);
  if (sk) {
    bpf_sk_release(sk);
  }
  return sk != NULL;
}
