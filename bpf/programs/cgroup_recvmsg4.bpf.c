// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Datagrams that processes of the host receive: what comes from an endpoint to which they were led
// comes from the published port. IPv4 sockets.
#include "bpf/lib/host_connect.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/recvmsg4")
int cgroup_recvmsg4(struct bpf_sock_addr* ctx) {
  return change_peer4(ctx, show_asked);
}
