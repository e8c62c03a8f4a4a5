// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// connect(2) of processes of the host: a published port leads to its endpoint. IPv6 sockets.
#include "bpf/lib/host_connect.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/connect6")
int cgroup_connect6(struct bpf_sock_addr* ctx) {
  return change_peer6(ctx, lead_to_endpoint);
}
