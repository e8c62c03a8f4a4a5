// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the host sends by an uplink. Its own packets pass at once. A packet of a sandbox that took
// the way through the host's stack (a fragment, an oversize packet without DF) is masqueraded here:
// no endpoint's address leaves the host.
#include "bpf/lib/outbound.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// The slot of the endpoint with that address in the network, or as the host sees it (overlapping
// networks; such addresses are listed under network 0). 0: none.
static __always_inline __u32 sender_of(__u32 network, const struct ebn_addr* src) {
  const struct ebn_dest* dest = destination(network, src);
  if (!dest) {
    dest = destination(0, src);
  }
  return dest && dest->kind == EBN_DEST_ENDPOINT ? dest->slot : 0;
}

EBN_GLOBAL int stray(struct __sk_buff* skb, __u32 network) {
  struct work* work = work_space();
  const struct ebn_network* net = network_at(network);
  if (!net || !work) {
    return finish(network, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  struct packet* p = parse_here(skb);
  if (!p) {
    return finish(network, drop(EBN_DROP_MALFORMED));
  }
  if (net->flags & EBN_NET_INTERNAL) {
    return finish(network, drop(EBN_DROP_INTERNAL));
  }
  const __u32 slot = sender_of(network, &p->src);
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!ep && is_host_address(&p->src)) { // translated already, on a device above this one (a VLAN)
    return TC_ACT_UNSPEC;
  }
  if (!ep || ep->network != network) {
    return finish(network, drop(EBN_DROP_SPOOFED_IP));
  }
  if (needs_fragment_ports(p) && !fragment_ports(p, ep->sandbox)) {
    return finish(network, drop(EBN_DROP_FRAGMENT_UNKNOWN));
  }
  if (!p->has_ports) {
    return finish(network, drop(EBN_DROP_UNSUPPORTED_PROTOCOL));
  }
  struct ebn_flow_key* key = &work->key;
  flow_key(key, ep->sandbox, p->proto, address_of(ep, p->family), p->sport, &p->dst, p->dport);
  struct masq_source source = {slot, skb->ifindex, {}, 0};
  const struct ebn_flow* flow = flow_find(key).flow;
  if (flow) {
    source.addr = flow->nat;
    source.port = flow->nat_port;
  } else if (!(net->flags & EBN_NET_MASQUERADE)) {
    return finish(network, drop(EBN_DROP_NO_MASQUERADE));
  } else {
    const int refused = opens_flow(p) ? masq_begin(skb, p, key, &source) : EBN_DROP_NO_FLOW;
    if (refused) {
      return finish(network, drop(refused));
    }
  }
  struct translation t = translation_of(p);
  t.src = source.addr;
  t.sport = source.port;
  count(network, EBN_PATH_OUT, skb->len);
  return finish(network, translate(skb, p, &t) ? to_kernel() : drop(EBN_DROP_WRITE_FAILED));
}

SEC("tc")
int tc_to_uplink(struct __sk_buff* skb) {
  const __u32 network = skb->ingress_ifindex - EBN_BRIDGE_IFINDEX_BASE;
  if (network == 0 || network >= EBN_MAX_NETWORKS) {
    return TC_ACT_UNSPEC;
  }
  return stray(skb, network);
}
