// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bind(2) of IPv4 sockets: published ports are taken, for processes of the host.
#include "bpf/lib/bind_hold.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/bind4")
int cgroup_bind4(struct bpf_sock_addr* ctx) {
  const __be32 address = ctx->user_ip4;
  const struct bind_wish wish = {addr_v4(address), address == 0, false};
  return hold_bind(ctx, &wish);
}
