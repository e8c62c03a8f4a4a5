#include "loader/layouts/v1.hpp"

#include <time.h>

namespace ebpfnet::loader::v1 {
namespace {

namespace fs = std::filesystem;

__u64 coarse_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<__u64>(now.tv_sec) * 1'000'000'000 + static_cast<__u64>(now.tv_nsec);
}

// An idle time begins anew: the old entries do not tell it.
ebn_flow converted(const Flow& old) {
  ebn_flow out{};
  out.nat = old.nat;
  out.nat_port = old.nat_port;
  out.kind = old.kind;
  out.proto = old.proto;
  out.slot = old.slot;
  out.peer_slot = old.peer_slot;
  out.peer_port = old.peer_port;
  out.flags = old.flags;
  out.active = 1;
  out.peer_sandbox = old.peer_sandbox;
  out.created_ns = old.created_ns;
  return out;
}

// Calls insert(key, value) for every entry of an old map, until one fails. No such map: no entry.
template <class Key, class Value, class Insert>
Result<void> for_each(const fs::path& old, const char* name, Insert insert) {
  UniqueFd fd(::bpf_obj_get((old / name).c_str()));
  if (!fd) {
    return errno == ENOENT ? Result<void>()
                           : fail_errno(errno, "open the pinned map '{}'", (old / name).string());
  }
  const view::MapView<Key, Value> map(name, std::move(fd));
  Result<void> first;
  TRY_VOID(map.walk([&](const Key& key, const Value& value) {
    if (first) {
      first = insert(key, value);
    }
  }));
  return first;
}

Result<void> copy_ports(const fs::path& old, view::Maps& maps, __u64 now) {
  const auto insert = [&](const ebn_masq_key& key, const Masq& port) -> Result<void> {
    if (TRY(maps.masq_ports.insert(key, {port.flow, port.slot, now}))) {
      TRY_VOID(maps.clock_ports.push({key, now, now + EBN_LOOK_EVERY_NS}));
    }
    return {};
  };
  return for_each<ebn_masq_key, Masq>(old, kMasqPorts, insert);
}

Result<void> copy_new_flows(const fs::path& old, view::Maps& maps) {
  const auto insert = [&](const ebn_flow_key& key, const Flow& flow) -> Result<void> {
    TRY_VOID(maps.new_flows.insert(key, converted(flow)));
    return {};
  };
  return for_each<ebn_flow_key, Flow>(old, kNewFlows, insert);
}

Result<void> copy_flows(const fs::path& old, view::Maps& maps, __u64 now) {
  const auto insert = [&](const ebn_flow_key& key, const Flow& flow) -> Result<void> {
    if (TRY(maps.flows.insert(key, converted(flow)))) {
      TRY_VOID(maps.clock_flows.push({key, 0, flow.created_ns, now + EBN_LOOK_EVERY_NS}));
    }
    return {};
  };
  return for_each<ebn_flow_key, Flow>(old, kFlows, insert);
}

} // namespace

Result<void> copy(const fs::path& old, view::Maps& maps) {
  const __u64 now = coarse_now_ns();
  TRY_VOID(copy_ports(old, maps, now));
  TRY_VOID(copy_new_flows(old, maps));
  return copy_flows(old, maps, now);
}

} // namespace ebpfnet::loader::v1
