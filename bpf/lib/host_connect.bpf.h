// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Published ports for processes of the host itself: a socket that asks for a published port of
// 127.0.0.1, [::1] or an address of the host gets the endpoint instead, as the host's stack knows
// it, and goes on seeing what it asked for. No packet is translated, and the server sees the
// gateway of its network. Sandboxes have other network namespaces and are left alone.
#pragma once

#include "bpf/lib/published.bpf.h"
#include "bpf/lib/record.bpf.h"
#include "bpf/lib/verdict.bpf.h"
#include "maps/defs/host_addrs.bpf.h"
#include "maps/defs/host_peers.bpf.h"

enum {
  SOCKET_GOES_ON = 1,
};

// What a socket asks for, and then what it gets.
struct peer {
  struct ebn_addr addr;
  __be16 port;
};

static __always_inline struct ebn_addr addr_of_ip6(const __u32* ip6) {
  return (struct ebn_addr){{ip6[0], ip6[1], ip6[2], ip6[3]}};
}

// 0.0.0.0 and [::] as a destination are this host.
static __always_inline bool is_this_host(const struct ebn_addr* addr) {
  if (addr_is_v4(addr)
          ? bpf_ntohl(addr->w[3]) >> 24 == 127 || addr->w[3] == 0
          : (addr->w[0] | addr->w[1] | addr->w[2]) == 0 && bpf_ntohl(addr->w[3]) <= 1) {
    return true;
  }
  return bpf_map_lookup_elem(&host_addrs, addr) != NULL;
}

// As the host's stack knows the endpoint: by the family that was asked for, or by IPv4, which an
// IPv6 socket reaches by the mapped address.
static __always_inline bool endpoint_peer(struct ebn_addr* out, __u32 slot, bool v4) {
  const struct ebn_endpoint* ep = endpoint_at(slot);
  const struct ebn_network* net = ep ? network_at(ep->network) : NULL;
  if (!net || net->flags & EBN_NET_INTERNAL) {
    return false;
  }
  const __u8 family = v4 || addr_is_none(&ep->addr6) ? EBN_AF_INET : EBN_AF_INET6;
  const struct ebn_addr seen = host_address_of(ep, slot, family);
  *out = addr_is_none(&seen) ? *address_of(ep, family) : seen;
  return !addr_is_none(out);
}

// Puts the endpoint in the place of what the socket asks for, and remembers that. False: nothing of
// ours is asked for.
static __always_inline bool lead_to_endpoint(struct bpf_sock_addr* ctx, struct peer* peer) {
  const __u8 proto = ctx->protocol == EBN_PROTO_MPTCP ? EBN_PROTO_TCP : (__u8)ctx->protocol;
  const __u32 chain = published_chain(proto, peer->port);
  if (!chain || bpf_get_netns_cookie(ctx) != cfg.netns_cookie || !is_this_host(&peer->addr)) {
    return false;
  }
  const struct ebn_publish* record = published_for(chain, proto, &peer->addr, peer->port);
  struct ebn_host_peer asked = {};
  struct ebn_host_peer_key key = {};
  if (!record || !endpoint_peer(&key.addr, record->slot, addr_is_v4(&peer->addr))) {
    return false;
  }
  key.socket = bpf_get_socket_cookie(ctx);
  key.port = target_port(record, peer->port);
  asked.addr = peer->addr;
  asked.port = peer->port;
  if (bpf_map_update_elem(&host_peers, &key, &asked, BPF_ANY)) {
    return false;
  }
  peer->addr = key.addr;
  peer->port = key.port;
  return true;
}

// Puts what the socket asked for in the place of the endpoint. False: it came there by itself.
static __always_inline bool show_asked(struct bpf_sock_addr* ctx, struct peer* peer) {
  struct ebn_host_peer_key key = {};
  if (bpf_get_netns_cookie(ctx) != cfg.netns_cookie) {
    return false;
  }
  key.socket = bpf_get_socket_cookie(ctx);
  key.addr = peer->addr;
  key.port = peer->port;
  const struct ebn_host_peer* asked = bpf_map_lookup_elem(&host_peers, &key);
  if (!asked) {
    return false;
  }
  peer->addr = asked->addr;
  peer->port = asked->port;
  return true;
}

typedef bool (*peer_change)(struct bpf_sock_addr* ctx, struct peer* peer);

static __always_inline int change_peer4(struct bpf_sock_addr* ctx, peer_change change) {
  struct peer peer = {addr_v4(ctx->user_ip4), (__be16)ctx->user_port};
  if (change(ctx, &peer)) {
    ctx->user_ip4 = peer.addr.w[3];
    ctx->user_port = peer.port;
  }
  return SOCKET_GOES_ON;
}

static __always_inline int change_peer6(struct bpf_sock_addr* ctx, peer_change change) {
  const __u32 ip6[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
  struct peer peer = {addr_of_ip6(ip6), (__be16)ctx->user_port};
  if (change(ctx, &peer)) {
    ctx->user_ip6[0] = peer.addr.w[0];
    ctx->user_ip6[1] = peer.addr.w[1];
    ctx->user_ip6[2] = peer.addr.w[2];
    ctx->user_ip6[3] = peer.addr.w[3];
    ctx->user_port = peer.port;
  }
  return SOCKET_GOES_ON;
}
