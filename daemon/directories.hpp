// The daemon's directories: made, checked, and locked against a second daemon.
#pragma once

#include <vector>

#include "daemon/network/context.hpp"
#include "daemon/state/lock.hpp"

namespace ebpfnet {

// Locks on the state, run and bpffs directories, held as long as the value lives. Also sees to it
// that namespace files in RUN_DIR/netns are visible to processes that have copied the mount table
// (a shared mount, as `ip netns` makes it). Errors: another daemon has one of them; no privileges.
Result<std::vector<state::DirLock>> prepare_directories(const network::Options& options);

} // namespace ebpfnet
