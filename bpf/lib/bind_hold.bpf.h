// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ports are held: a process of the host that binds one gets EADDRINUSE, as if a socket
// were there. Sandboxes have other network namespaces and bind what they like.
#pragma once

#include "bpf/lib/published.bpf.h"
#include "bpf/lib/verdict.bpf.h"

enum {
  BIND_REFUSED = 0,
  BIND_ALLOWED = 1,
  EBN_EADDRINUSE = 98,
};

// What a process wants to bind. Wildcards are by family; [::] wants both, since the program cannot
// see whether the socket is IPv6 only.
struct bind_wish {
  struct ebn_addr addr;
  bool any4;
  bool any6;
};

static __always_inline bool bind_clashes(const struct ebn_publish* record,
                                         const struct bind_wish* wish) {
  const bool v4 = record->flags & EBN_PUB_ANY4 || addr_is_v4(&record->host);
  const bool v6 =
      record->flags & EBN_PUB_ANY6 || !(addr_is_none(&record->host) || addr_is_v4(&record->host));
  if (wish->any4 || wish->any6) {
    return (wish->any4 && v4) || (wish->any6 && v6);
  }
  const __u8 any = addr_is_v4(&wish->addr) ? EBN_PUB_ANY4 : EBN_PUB_ANY6;
  return record->flags & any || addr_equal(&record->host, &wish->addr);
}

// BIND_ALLOWED, or BIND_REFUSED with the error of the system call set (bpf_set_retval, Linux 5.18).
static __always_inline int hold_bind(struct bpf_sock_addr* ctx, const struct bind_wish* wish) {
  const __be16 port = (__be16)ctx->user_port;
  const __u8 proto = ctx->protocol == EBN_PROTO_MPTCP ? EBN_PROTO_TCP : (__u8)ctx->protocol;
  __u32 chain = published_chain(proto, port);
  if (!chain || bpf_get_netns_cookie(ctx) != cfg.netns_cookie) {
    return BIND_ALLOWED;
  }
  for (int i = 0; i < EBN_MAX_PUBLISH_CHAIN && chain; i++) {
    const struct ebn_publish* record = published_at(chain);
    if (!record) {
      break;
    }
    if (publish_has_port(record, proto, port) && bind_clashes(record, wish)) {
      bpf_set_retval(-EBN_EADDRINUSE);
      return BIND_REFUSED;
    }
    chain = record->next;
  }
  return BIND_ALLOWED;
}
