// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Attached nowhere: the loader runs it once (BPF_PROG_TEST_RUN). Sets going the timer by which
// flows end, or hands the one that goes over to this build. Returns 0 or an errno.
#include "bpf/lib/expiry.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int start_clock(struct __sk_buff* skb __attribute__((unused))) {
  const __u32 row = 0;
  struct ebn_clock* clock = bpf_map_lookup_elem(&clock_timer, &row);
  if (!clock || bpf_timer_init(&clock->timer, &clock_timer, EBN_CLOCK_MONOTONIC) == -EBN_ENOMEM) {
    return EBN_ENOMEM;
  }
  const long refused = bpf_timer_set_callback(&clock->timer, clock_round);
  return (int)-(refused ? refused : bpf_timer_start(&clock->timer, ROUND_EVERY_NS, 0));
}
