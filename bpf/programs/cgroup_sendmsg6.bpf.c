// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Datagrams that processes of the host send unconnected: a published port leads to its endpoint.
// IPv6 sockets.
#include "bpf/lib/host_connect.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/sendmsg6")
int cgroup_sendmsg6(struct bpf_sock_addr* ctx) {
  return change_peer6(ctx, lead_to_endpoint);
}
