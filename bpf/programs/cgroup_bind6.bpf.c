// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bind(2) of IPv6 sockets, which may be for IPv4 too: published ports are taken, for processes of
// the host.
#include "bpf/lib/bind_hold.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/bind6")
int cgroup_bind6(struct bpf_sock_addr* ctx) {
  struct bind_wish wish = {};
  wish.addr.w[0] = ctx->user_ip6[0];
  wish.addr.w[1] = ctx->user_ip6[1];
  wish.addr.w[2] = ctx->user_ip6[2];
  wish.addr.w[3] = ctx->user_ip6[3];
  wish.any6 = addr_is_none(&wish.addr);
  wish.any4 = wish.any6 || (addr_is_v4(&wish.addr) && wish.addr.w[3] == 0);
  return hold_bind(ctx, &wish);
}
