// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ARP of a sandbox (RFC 826): source check, and answers from the destinations table without asking
// anyone.
#pragma once

#include "bpf/lib/endpoint.bpf.h"

struct arp_ipv4 {
  __be16 hardware;
  __be16 protocol;
  __u8 hardware_len;
  __u8 protocol_len;
  __be16 operation;
  __u8 sender_mac[6];
  __be32 sender;
  __u8 target_mac[6];
  __be32 target;
} __attribute__((packed));

static __always_inline bool mac_equal(const __u8* a, const __u8* b) {
  return *(const __u16*)a == *(const __u16*)b && *(const __u16*)(a + 2) == *(const __u16*)(b + 2) &&
         *(const __u16*)(a + 4) == *(const __u16*)(b + 4);
}

// Turns the request into the reply in place and sends it back where it came from.
static __always_inline struct verdict arp_answer(struct __sk_buff* skb, const __u8* mac) {
  __u8 answer[6];
  __builtin_memcpy(answer, mac, sizeof answer);
  void* data = (void*)(long)skb->data;
  struct ethhdr* eth = data;
  struct arp_ipv4* arp = data + sizeof *eth;
  if ((void*)(arp + 1) > (void*)(long)skb->data_end) {
    return drop(EBN_DROP_MALFORMED);
  }
  const __be32 asked = arp->target;
  __builtin_memcpy(eth->h_dest, eth->h_source, 6);
  __builtin_memcpy(eth->h_source, answer, 6);
  arp->operation = bpf_htons(ARPOP_REPLY);
  __builtin_memcpy(arp->target_mac, arp->sender_mac, 6);
  arp->target = arp->sender;
  __builtin_memcpy(arp->sender_mac, answer, 6);
  arp->sender = asked;
  return deliver(skb, skb->ifindex - EBN_VETH_IFINDEX_BASE);
}

static __always_inline struct verdict arp_from_container(struct __sk_buff* skb,
                                                         const struct ebn_endpoint* ep) {
  if (!ensure(skb, sizeof(struct ethhdr) + sizeof(struct arp_ipv4))) {
    return drop(EBN_DROP_MALFORMED);
  }
  void* data = (void*)(long)skb->data;
  const struct arp_ipv4* arp = data + sizeof(struct ethhdr);
  if ((void*)(arp + 1) > (void*)(long)skb->data_end || arp->hardware != bpf_htons(ARPHRD_ETHER) ||
      arp->protocol != bpf_htons(EBN_ETH_P_IP) || arp->hardware_len != 6 ||
      arp->protocol_len != 4) {
    return drop(EBN_DROP_MALFORMED);
  }
  const bool probe = arp->sender == 0; // RFC 5227
  if (!(ep->flags & EBN_EP_SPOOF_OK) &&
      (!mac_equal(arp->sender_mac, ep->mac) || (!probe && arp->sender != ep->addr4.w[3]))) {
    return drop(EBN_DROP_SPOOFED_ARP);
  }
  // Never for the asker's own address: duplicate address detection would fail.
  if (arp->operation == bpf_htons(ARPOP_REQUEST) && arp->target != ep->addr4.w[3]) {
    const struct ebn_addr target = addr_v4(arp->target);
    const struct ebn_dest* dest = destination(ep->network, &target);
    if (dest) {
      return arp_answer(skb, dest->mac);
    }
  }
  count(ep->network, EBN_PATH_BRIDGE, skb->len);
  return to_kernel();
}
