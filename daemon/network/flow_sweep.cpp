#include "daemon/network/flow_sweep.hpp"

#include <spdlog/spdlog.h>

namespace ebpfnet::network {
namespace {

using Gone = std::function<bool(SandboxIndex)>;

template <class Key, class Value, class Owner>
Result<void> sweep(view::MapView<Key, Value>& map, const Gone& gone, Owner owner) {
  std::vector<Key> theirs;
  TRY_VOID(map.walk([&](const Key& key, const Value& value) {
    if (gone(SandboxIndex(owner(key, value)))) {
      theirs.push_back(key);
    }
  }));
  for (const Key& key : theirs) {
    TRY_VOID(map.remove(key));
  }
  return {};
}

Result<void> clear_quotas(view::Maps& maps, const Gone& gone) {
  std::vector<std::uint32_t> theirs;
  TRY_VOID(maps.sandbox_flows.walk([&](std::uint32_t sandbox, std::uint32_t count) {
    if (count != 0 && gone(SandboxIndex(sandbox))) {
      theirs.push_back(sandbox);
    }
  }));
  for (const std::uint32_t sandbox : theirs) {
    TRY_VOID(maps.sandbox_flows.put(sandbox, 0));
  }
  return {};
}

} // namespace

Result<void> remove_flows(view::Maps& maps, const Gone& gone) {
  const auto of_key = [](const ebn_flow_key& key, const ebn_flow&) { return key.sandbox; };
  TRY_VOID(sweep(maps.flows, gone, of_key));
  TRY_VOID(sweep(maps.new_flows, gone, of_key));
  TRY_VOID(sweep(maps.masq_ports, gone,
                 [](const ebn_masq_key&, const ebn_masq& port) { return port.flow.sandbox; }));
  return clear_quotas(maps, gone);
}

FlowSweeper::FlowSweeper(view::Maps& maps, Run run, std::function<void(SandboxIndex)> swept)
    : maps_(maps), run_(std::move(run)), swept_(std::move(swept)) {}

void FlowSweeper::add(SandboxIndex sandbox) {
  const std::scoped_lock lock(mutex_);
  waiting_.insert(sandbox);
  if (!std::exchange(working_, true)) {
    run_([this] { work(); });
  }
}

void FlowSweeper::work() {
  for (;;) {
    std::set<SandboxIndex> now;
    {
      const std::scoped_lock lock(mutex_);
      now.swap(waiting_);
      working_ = !now.empty();
    }
    if (now.empty()) {
      return;
    }
    if (auto removed = remove_flows(maps_, [&](auto sandbox) { return now.contains(sandbox); });
        !removed) {
      spdlog::warn("event=flows_remain sandboxes={} error={:?}", now.size(),
                   removed.error().story());
    }
    for (const SandboxIndex sandbox : now) {
      swept_(sandbox);
    }
  }
}

} // namespace ebpfnet::network
