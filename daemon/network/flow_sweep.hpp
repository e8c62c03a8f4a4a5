// Flows of sandboxes that are gone. Their timers would end them in time, but an established TCP
// flow may wait five days, and its number must not come back to life under another sandbox.
#pragma once

#include <functional>
#include <set>

#include "loader/data_plane.hpp"
#include "maps/types/id.hpp"

namespace ebpfnet::network {

// Removes every flow and port reservation of the sandboxes that are `gone`, and clears their
// quotas. Walks the tables once, however many they are: tens of milliseconds when they are full, so
// not for a path that somebody waits on.
Result<void> remove_flows(view::Maps& maps, const std::function<bool(SandboxIndex)>& gone);

// Collects the numbers of removed sandboxes and sweeps them together: what comes while one sweep is
// at work goes with the next. Thread-safe.
class FlowSweeper {
public:
  using Run = std::function<void(std::function<void()> work)>;
  // `swept` gets each number when no flow carries it any more, on the thread that swept.
  FlowSweeper(view::Maps& maps, Run run, std::function<void(SandboxIndex)> swept);

  void add(SandboxIndex sandbox);

private:
  void work();

  view::Maps& maps_;
  const Run run_;
  const std::function<void(SandboxIndex)> swept_;
  std::mutex mutex_;
  std::set<SandboxIndex> waiting_;
  bool working_ = false;
};

} // namespace ebpfnet::network
