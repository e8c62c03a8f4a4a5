// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// On lo of each sandbox, as packets leave: 127.0.0.11:53 is steered to the daemon's DNS socket on
// another port, and its replies back, so that a server of the sandbox's own on 0.0.0.0:53 keeps
// working.
#include "bpf/lib/rewrite.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DNS_ADDRESS bpf_htonl(0x7f00000b)
#define DNS_PORT bpf_htons(53)

SEC("tc")
int tc_on_loopback(struct __sk_buff* skb) {
  struct packet p;
  if (skb->protocol != bpf_htons(EBN_ETH_P_IP) || !parse_ipv4(skb, &p) || !p.has_ports ||
      p.proto == EBN_PROTO_ICMP) {
    return TC_ACT_UNSPEC;
  }
  struct translation t = translation_of(&p);
  if (p.dst.w[3] == DNS_ADDRESS && p.dport == DNS_PORT) {
    t.dport = bpf_htons(cfg.dns_port);
  } else if (p.src.w[3] == DNS_ADDRESS && p.sport == bpf_htons(cfg.dns_port)) {
    t.sport = DNS_PORT;
  } else {
    return TC_ACT_UNSPEC;
  }
  return finish(0, translate(skb, &p, &t) ? to_kernel() : drop(EBN_DROP_WRITE_FAILED));
}
