// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What stands before the measured program in each run of one BPF_PROG_TEST_RUN: the kernel does not
// reset the packet between repetitions, and a translated packet would take another way the second
// time. So the headers are written anew, on demand with another port and address each time, and the
// measured program is entered by a tail call: it is the shipped one, unchanged.
#include "tests/bench/packet_again.h"
#include "bpf/lib/kernel_min.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// In 16-bit words of a frame without IP options: the lower half of each address, and the ports.
enum {
  SOURCE_LOW = 14,
  DESTINATION_LOW = 16,
  SOURCE_PORT = 17,
  DESTINATION_PORT = 18,
};

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} measured SEC(".maps");

struct again_state state = {};

SEC("tc")
int again(struct __sk_buff* skb) {
  __u64* packet = (void*)(long)skb->data;
  if ((void*)(packet + AGAIN_WORDS) > (void*)(long)skb->data_end) {
    return TC_ACT_SHOT;
  }
  for (int i = 0; i < AGAIN_WORDS; i++) {
    packet[i] = state.headers[i];
  }
  if (state.vary != AGAIN_SAME) {
    // The transport checksum stays the one of the first packet: programs change it incrementally
    // and never verify it.
    const __u32 number = state.number++;
    __be16* words = (void*)packet;
    const bool source = state.vary == AGAIN_NEW_SOURCE;
    *(source ? &words[SOURCE_LOW] : &words[DESTINATION_LOW]) = bpf_htons(number >> 15);
    *(source ? &words[SOURCE_PORT] : &words[DESTINATION_PORT]) =
        bpf_htons(1024 + (number & 0x7fff));
  }
  bpf_tail_call(skb, &measured, 0);
  return TC_ACT_SHOT;
}

// What the harness itself costs.
SEC("tc")
int nothing(struct __sk_buff* skb __attribute__((unused))) {
  return TC_ACT_UNSPEC;
}
