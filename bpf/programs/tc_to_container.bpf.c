// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What reaches a sandbox by the slow path: from the network's bridge (broadcast, multicast, unknown
// unicast) and from the host's own stack. Whatever else the host would forward to it is refused:
// endpoints are not reachable directly.
#include "bpf/lib/endpoint.bpf.h"
#include "bpf/lib/icmp_error.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// skb->ingress_ifindex is the interface by which the frame came to this host: none for the host's
// own packets, a veth of ours for what the bridge carries, a bridge of ours for what the host
// routed between networks.
static __always_inline enum ebn_drop_reason refusal(const struct __sk_buff* skb,
                                                    const struct ebn_endpoint* ep) {
  const __u32 from = skb->ingress_ifindex;
  const struct ebn_endpoint* sender = endpoint_of(from);
  const struct ebn_network* net = network_at(ep->network);
  if (from == 0) {
    return EBN_DROP_NONE;
  }
  // Also what the host routed back into the network came from an endpoint of it.
  if (from == EBN_BRIDGE_IFINDEX_BASE + ep->network || (sender && sender->network == ep->network)) {
    return net && net->flags & EBN_NET_NO_ICC ? EBN_DROP_NO_ICC : EBN_DROP_NONE;
  }
  if (sender || from - EBN_BRIDGE_IFINDEX_BASE < EBN_MAX_NETWORKS) {
    return EBN_DROP_ISOLATED;
  }
  return EBN_DROP_DIRECT_ACCESS;
}

// The host answers to the address it saw: back to the endpoint's own (overlapping networks).
static __always_inline struct verdict from_stack(struct __sk_buff* skb,
                                                 const struct ebn_endpoint* ep, __u32 slot) {
  if (addr_is_none(&ep->host_addr) && !(ep->flags & EBN_EP_HOST6)) {
    return to_kernel();
  }
  const struct packet* p = parse_here(skb);
  if (!p) {
    return to_kernel();
  }
  struct ebn_addr seen = host_address_of(ep, slot, p->family);
  struct ebn_addr own = *address_of(ep, p->family);
  if (addr_is_none(&seen) || !addr_equal(&p->dst, &seen)) {
    return to_kernel();
  }
  return swap_address(skb, p, &seen, &own) ? to_kernel() : drop(EBN_DROP_WRITE_FAILED);
}

SEC("tc")
int tc_to_container(struct __sk_buff* skb) {
  const struct ebn_endpoint* ep = endpoint_of(skb->ifindex);
  if (!ep) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  const __u32 network = ep->network;
  const enum ebn_drop_reason reason = refusal(skb, ep);
  if (reason != EBN_DROP_NONE) {
    return finish(network, drop(reason));
  }
  count(network, EBN_PATH_HOST, skb->len);
  return finish(network, from_stack(skb, ep, skb->ifindex - EBN_VETH_IFINDEX_BASE));
}
