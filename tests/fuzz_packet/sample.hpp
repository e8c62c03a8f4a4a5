// One frame at one hook.
#pragma once

#include <string>

#include "tests/packet/frame.hpp"

namespace ebpfnet::packet {

enum class Hook { from_container, to_container, from_uplink, to_uplink, on_loopback };

struct Sample {
  Hook hook = Hook::from_container;
  std::uint32_t slot = 0;    // whose veth; 0: not one of a container
  std::uint32_t came_by = 0; // skb->ingress_ifindex on the way to a container or an uplink
  std::uint32_t gso_size = 0;
  Bytes bytes;
};

} // namespace ebpfnet::packet
