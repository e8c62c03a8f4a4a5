// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// getpeername(2) of processes of the host: a socket that was led to an endpoint sees the published
// port. IPv6 sockets.
#include "bpf/lib/host_connect.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/getpeername6")
int cgroup_getpeername6(struct bpf_sock_addr* ctx) {
  return change_peer6(ctx, show_asked);
}
