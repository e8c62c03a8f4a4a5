// Version 1: every flow and every reserved tuple had a timer of its own.
#pragma once

#include <filesystem>
#include <string_view>

#include "maps/abi/flow.h"
#include "maps/view/catalogue.hpp"

namespace ebpfnet::loader::v1 {

struct Flow {
  ebn_addr nat;
  __be16 nat_port;
  __u8 kind;
  __u8 proto;
  __u32 slot;
  __u32 peer_slot;
  __be16 peer_port;
  __u8 flags;
  __u8 active;
  __u8 idle_quarters;
  __u8 unchecked;
  __u8 pad[2];
  __u32 peer_sandbox;
  __u64 created_ns;
  __u64 timer[2];
};
static_assert(sizeof(Flow) == 64);

struct Masq {
  ebn_flow_key flow;
  __u32 slot;
  __u64 timer[2];
};
static_assert(sizeof(Masq) == 64);

inline constexpr const char* kFlows = "flows";
inline constexpr const char* kNewFlows = "new_flows";
inline constexpr const char* kMasqPorts = "masq_ports";
inline constexpr std::string_view kChanged[] = {kFlows, kNewFlows, kMasqPorts};

// As OldLayout::copy wants it.
Result<void> copy(const std::filesystem::path& old, view::Maps& maps);

} // namespace ebpfnet::loader::v1
