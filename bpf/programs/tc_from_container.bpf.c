// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Everything a sandbox sends, seen on the host side of its veth: source check, ARP answers, the
// short cut to neighbours, isolation, published ports, NAT, and the way out.
#include "bpf/lib/arp.bpf.h"
#include "bpf/lib/nd.bpf.h"
#include "bpf/lib/outbound.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Own address, or a DHCP client that has none yet (RFC 2131).
static __always_inline bool source_is_allowed(const struct ebn_endpoint* ep,
                                              const struct packet* p) {
  if (ep->flags & EBN_EP_SPOOF_OK || p->src.w[3] == ep->addr4.w[3]) {
    return true;
  }
  return p->src.w[3] == 0 && p->proto == EBN_PROTO_UDP && p->sport == bpf_htons(68) &&
         p->dport == bpf_htons(67);
}

static __always_inline bool subnet4_contains(const struct ebn_network* net,
                                             const struct ebn_addr* a) {
  const __u32 mask = net->prefix4_len ? ~0U << (32 - (net->prefix4_len & 31)) : 0;
  return !addr_is_none(&net->subnet4) && ((bpf_ntohl(a->w[3]) ^ bpf_ntohl(net->subnet4.w[3])) &
                                          (net->prefix4_len == 32 ? ~0U : mask)) == 0;
}

static __always_inline bool subnet6_contains(const struct ebn_network6* net,
                                             const struct ebn_addr* a) {
  __u32 left = net->prefix_len;
  for (int i = 0; i < 4 && left; i++) {
    const __u32 bits = left < 32 ? left : 32;
    if ((bpf_ntohl(a->w[i]) ^ bpf_ntohl(net->subnet.w[i])) >> (32 - bits)) {
      return false;
    }
    left -= bits;
  }
  return net->prefix_len != 0;
}

// Whether the address is of the subnet of its family; `network` is the index of `net`.
static __always_inline bool subnet_contains(const struct ebn_network* net, __u32 network,
                                            const struct ebn_addr* a, __u8 family) {
  if (family == EBN_AF_INET) {
    return subnet4_contains(net, a);
  }
  const struct ebn_network6* net6 = network6_at(network);
  return net6 && subnet6_contains(net6, a);
}

static __always_inline struct ebn_addr gateway_of(const struct ebn_network* net, __u32 network,
                                                  __u8 family) {
  if (family == EBN_AF_INET) {
    return net->gateway4;
  }
  const struct ebn_network6* net6 = network6_at(network);
  return net6 ? net6->gateway : (struct ebn_addr){};
}

// To a published port of this host. The server sees the client's own address, except where it could
// not answer it: a sandbox that calls itself, or a client whose address means somebody else in the
// server's network. Those come from the gateway.
EBN_GLOBAL int publish_from_container(struct __sk_buff* skb, struct packet* p, __u32 slot) {
  const struct ebn_endpoint* client = endpoint_at(slot);
  struct work* work = work_space();
  if (!p || !work || !client) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  struct inbound* in = &work->in;
  const struct ebn_publish* record = find_published(published_chain(p->proto, p->dport), p);
  if (!record) {
    return NOT_OURS;
  }
  in->slot = record->slot;
  in->target = target_port(record, p->dport);
  const struct ebn_endpoint* server = endpoint_at(in->slot);
  const struct ebn_network* net = server ? network_at(server->network) : NULL;
  const struct ebn_network* own = network_at(client->network);
  if (!net || !own) {
    return finish(client->network, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  if (addr_is_none(address_of(server, p->family))) { // held for the other family's sake
    return NOT_OURS;
  }
  if ((own->flags | net->flags) & EBN_NET_INTERNAL && server->network != client->network) {
    return finish(client->network, drop(EBN_DROP_INTERNAL));
  }
  const bool as_gateway = server->sandbox == client->sandbox ||
                          (server->network != client->network &&
                           subnet_contains(net, server->network, &p->src, p->family));
  in->remote = as_gateway ? gateway_of(net, server->network, p->family) : p->src;
  in->remote_port = p->sport;
  in->peer_slot = slot;
  in->peer_sandbox = client->sandbox;
  flow_key(&in->key, server->sandbox, p->proto, address_of(server, p->family), in->target,
           &in->remote, in->remote_port);
  const struct verdict v = to_published(skb, p, in, server, EBN_PATH_PUBLISHED);
  return finish(server->network,
                v.reason == EBN_DROP_NO_FLOW ? reset_to_container(skb, p, slot) : v);
}

// An ICMP error that a sandbox sends to the sender of a packet of a translated flow: as the packet
// looked there, and from the address that it was sent to, whoever behind the sandbox words it.
// NOT_OURS: of no flow, and nothing is changed.
EBN_GLOBAL int error_from_container(struct __sk_buff* skb, const struct packet* p, __u32 slot) {
  struct work* work = work_space();
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!p || !ep || !work || !parse_quoted(skb, p) || !addr_equal(&p->dst, &work->back.dst)) {
    return NOT_OURS;
  }
  const struct packet* back = &work->back;
  flow_key(&work->in.key, ep->sandbox, back->proto, &back->src, back->sport, &back->dst,
           back->dport);
  const struct ebn_flow* flow = flow_find(&work->in.key).flow;
  if (!flow) {
    return NOT_OURS;
  }
  struct translation* t = &work->t;
  *t = translation_of(back);
  t->src = flow->nat;
  t->sport = flow->nat_port;
  t->ttl = ttl_after_hop(p->ttl); // the error's own
  if (flow->kind == EBN_FLOW_NEIGHBOUR) {
    const __u32 client_slot = flow->peer_slot;
    const struct ebn_endpoint* client = endpoint_at(client_slot);
    if (!client || client->sandbox != flow->peer_sandbox) {
      return finish(ep->network, drop(EBN_DROP_UNKNOWN_ENDPOINT));
    }
    t->dst = *address_of(client, p->family);
    t->dport = flow->peer_port;
    work->outer = *t;
    count(client->network, EBN_PATH_PUBLISHED, skb->len);
    return finish(client->network, translate_error(skb, p)
                                       ? deliver_routed(skb, client_slot, client)
                                       : drop(EBN_DROP_WRITE_FAILED));
  }
  work->outer = *t;
  // The flow is of another network of the sandbox then.
  const struct ebn_network* net = network_at(ep->network);
  if (!net || net->flags & EBN_NET_INTERNAL) {
    return finish(ep->network, drop(EBN_DROP_INTERNAL));
  }
  struct route* route = find_route_again(skb, p, ep->network);
  if (!has_way(route)) {
    return finish(ep->network, drop(EBN_DROP_NO_ROUTE));
  }
  count(ep->network, EBN_PATH_OUT, skb->len);
  return finish(ep->network,
                translate_error(skb, p) ? send_out(route) : drop(EBN_DROP_WRITE_FAILED));
}

// To an endpoint of the same network: bytes unchanged, one lookup. A server that serves neighbours
// through a published port may be answering such a flow.
static __always_inline struct verdict to_neighbour(struct __sk_buff* skb, struct packet* p,
                                                   const struct ebn_endpoint* ep,
                                                   const struct ebn_network* net, __u32 own_slot,
                                                   const struct ebn_endpoint* to, __u32 slot,
                                                   struct ebn_flow_key* key) {
  // A later fragment of unknown ports is of a datagram whose first part went by untranslated.
  if (ep->flags & EBN_EP_NAT_LOCAL && needs_fragment_ports(p)) {
    fragment_ports(p, ep->sandbox);
  }
  if (ep->flags & EBN_EP_NAT_LOCAL && p->has_ports) {
    flow_key(key, ep->sandbox, p->proto, &p->src, p->sport, &p->dst, p->dport);
    const struct flow_ref found = flow_find(key);
    if (found.flow && found.flow->kind == EBN_FLOW_NEIGHBOUR) {
      return out_of_flow(skb, p, ep, own_slot, key, found);
    }
  }
  if (ep->flags & EBN_EP_NAT_LOCAL && is_icmp_error(p)) {
    const int action = error_from_container(skb, p, own_slot);
    if (action != NOT_OURS) {
      return redirected(action);
    }
  }
  if (net->flags & EBN_NET_NO_ICC) {
    return drop(EBN_DROP_NO_ICC);
  }
  if (too_big(skb, p->ip_len, to->mtu)) {
    return drop(EBN_DROP_TOO_BIG);
  }
  count(ep->network, EBN_PATH_LOCAL, skb->len);
  return deliver(skb, slot);
}

// Where a packet without a flow, sent to the gateway's MAC address, may go.
static __always_inline struct verdict routed_new(struct __sk_buff* skb, struct packet* p,
                                                 const struct ebn_endpoint* ep,
                                                 const struct ebn_network* net, __u32 slot,
                                                 const struct ebn_flow_key* key) {
  const struct ebn_dest* dest = destination(ep->network, &p->dst);
  const bool own_gateway = dest && dest->kind == EBN_DEST_GATEWAY;
  // A DHCP client's question, which no router forwards; a link-local address of IPv6, which reaches
  // the gateway itself.
  if (is_martian(&p->src) && !(p->family == EBN_AF_INET6 && own_gateway)) {
    return drop(EBN_DROP_MARTIAN);
  }
  if (dest && dest->kind == EBN_DEST_ENDPOINT) {
    const struct ebn_endpoint* neighbour = endpoint_at(dest->slot);
    if (!neighbour || net->flags & EBN_NET_NO_ICC) {
      return drop(neighbour ? EBN_DROP_NO_ICC : EBN_DROP_UNKNOWN_ENDPOINT);
    }
    if (too_big(skb, p->ip_len, dest->mtu)) {
      return drop(EBN_DROP_TOO_BIG);
    }
    count(ep->network, EBN_PATH_LOCAL, skb->len);
    return deliver_routed(skb, dest->slot, neighbour);
  }
  if (net->flags & EBN_NET_INTERNAL && !own_gateway) {
    return drop(EBN_DROP_INTERNAL);
  }
  if (own_gateway || is_host_address(&p->dst)) {
    const int action =
        published_chain(p->proto, p->dport) ? publish_from_container(skb, p, slot) : NOT_OURS;
    if (action != NOT_OURS) {
      return redirected(action);
    }
    return to_stack(skb, p, ep, slot);
  }
  if (is_martian(&p->dst)) {
    return drop(EBN_DROP_MARTIAN);
  }
  if (subnet_contains(net, ep->network, &p->dst, p->family)) {
    return to_stack(skb, p, ep, slot);
  }
  if (in_some_subnet(&p->dst)) {
    return drop(EBN_DROP_ISOLATED);
  }
  if (!p->has_ports) {
    return drop(EBN_DROP_UNSUPPORTED_PROTOCOL);
  }
  if (!(net->flags & EBN_NET_MASQUERADE)) {
    return drop(EBN_DROP_NO_MASQUERADE);
  }
  return masquerade_new(skb, p, ep, slot, key);
}

static __always_inline struct verdict routed(struct __sk_buff* skb, struct packet* p,
                                             const struct ebn_endpoint* ep,
                                             const struct ebn_network* net, __u32 slot,
                                             struct ebn_flow_key* key) {
  if (needs_fragment_ports(p) && !fragment_ports(p, ep->sandbox)) {
    return drop(EBN_DROP_FRAGMENT_UNKNOWN);
  }
  flow_key(key, ep->sandbox, p->proto, &p->src, p->sport, &p->dst, p->dport);
  if (p->has_ports) {
    const struct flow_ref found = flow_find(key);
    const bool anew = found.flow && p->tcp_flags & TCP_SYN && flow_is_closed(found.flow);
    if (anew && found.established) {
      flow_remove(key);
    }
    if (found.flow && !anew) {
      return out_of_flow(skb, p, ep, slot, key, found);
    }
  } else if (is_icmp_error(p)) {
    const int action = error_from_container(skb, p, slot);
    if (action != NOT_OURS) {
      return redirected(action);
    }
  }
  return routed_new(skb, p, ep, net, slot, key);
}

// An IP packet whose source was checked.
static __always_inline struct verdict ip_from_container(struct __sk_buff* skb, struct packet* p,
                                                        const struct ebn_endpoint* ep, __u32 slot,
                                                        struct ebn_flow_key* key) {
  const struct ebn_network* net = network_at(ep->network);
  const struct ethhdr* eth = ethernet_header(skb);
  if (!net || !eth) {
    return drop(EBN_DROP_UNKNOWN_ENDPOINT);
  }
  if (mac_equal(eth->h_dest, ep->gw_mac)) {
    return routed(skb, p, ep, net, slot, key);
  }
  if (eth->h_dest[0] & 1) {
    // The host would take it, and answer an address that means somebody else in another network.
    const struct ebn_addr seen = host_address_of(ep, slot, p->family);
    if (!addr_is_none(&seen) && is_host_address(&p->dst)) {
      return drop(EBN_DROP_MARTIAN);
    }
  } else {
    const __u32 to = neighbour_slot(ep->network, &p->dst, p->family);
    const struct ebn_endpoint* neighbour = endpoint_at(to);
    // Its own address is the bridge's to refuse.
    if (neighbour && to != slot && mac_equal(eth->h_dest, neighbour->mac)) {
      return to_neighbour(skb, p, ep, net, slot, neighbour, to, key);
    }
  }
  count(ep->network, EBN_PATH_BRIDGE, skb->len);
  return to_kernel();
}

// Describes an IPv4 packet in *p. 0 or a drop reason.
static __always_inline int check_ipv4(struct __sk_buff* skb, const struct ebn_endpoint* ep,
                                      struct packet* p) {
  if (!parse_ipv4(skb, p)) {
    return EBN_DROP_MALFORMED;
  }
  return source_is_allowed(ep, p) ? EBN_DROP_NONE : EBN_DROP_SPOOFED_IP;
}

// Describes an IPv6 packet in the scratch space, and answers what the host answers of neighbour
// discovery. NOT_OURS: it goes on.
EBN_GLOBAL int check_ipv6(struct __sk_buff* skb, __u32 slot) {
  const struct ebn_endpoint* ep = endpoint_at(slot);
  const struct ebn_network* net = ep ? network_at(ep->network) : NULL;
  struct work* work = work_space();
  if (!ep || !net || !work) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  struct packet* p = &work->packet;
  if (!(net->flags & EBN_NET_IPV6)) {
    return finish(ep->network, drop(EBN_DROP_IPV6_DISABLED));
  }
  if (!parse_ipv6(skb, p)) {
    return finish(ep->network, drop(EBN_DROP_MALFORMED));
  }
  if (!source6_is_allowed(ep, p)) {
    return finish(ep->network, drop(EBN_DROP_SPOOFED_IP));
  }
  return is_nd(p) ? nd_from_container(skb, slot) : NOT_OURS;
}

static __always_inline struct verdict
frame_from_container(struct __sk_buff* skb, const struct ebn_endpoint* ep, __u32 slot) {
  if (!ensure(skb, sizeof(struct ethhdr))) {
    return drop(EBN_DROP_MALFORMED);
  }
  const struct ethhdr* eth = ethernet_header(skb);
  struct work* work = work_space();
  if (!eth || !work) {
    return drop(EBN_DROP_MALFORMED);
  }
  if (skb->vlan_present || eth->h_proto == bpf_htons(ETH_P_8021Q) ||
      eth->h_proto == bpf_htons(ETH_P_8021AD)) {
    return drop(EBN_DROP_VLAN_TAGGED);
  }
  if (!(ep->flags & EBN_EP_SPOOF_OK) && !mac_equal(eth->h_source, ep->mac)) {
    return drop(EBN_DROP_SPOOFED_MAC);
  }
  const struct ethertype type = {eth->h_proto};
  if (type.be == bpf_htons(EBN_ETH_P_ARP)) {
    return arp_from_container(skb, ep);
  }
  if (type.be == bpf_htons(EBN_ETH_P_IPV6)) {
    const int action = check_ipv6(skb, slot);
    if (action != NOT_OURS) {
      return redirected(action);
    }
  } else if (type.be == bpf_htons(EBN_ETH_P_IP)) {
    const int refused = check_ipv4(skb, ep, &work->packet);
    if (refused) {
      return drop(refused);
    }
  } else {
    count(ep->network, EBN_PATH_BRIDGE, skb->len);
    return to_kernel();
  }
  return ip_from_container(skb, &work->packet, ep, slot, &work->key);
}

SEC("tc")
int tc_from_container(struct __sk_buff* skb) {
  const __u32 slot = skb->ifindex - EBN_VETH_IFINDEX_BASE;
  const struct ebn_endpoint* ep = endpoint_at(slot);
  if (!ep) {
    return finish(0, drop(EBN_DROP_UNKNOWN_ENDPOINT));
  }
  const __u32 network = ep->network;
  return finish(network, frame_from_container(skb, ep, slot));
}
