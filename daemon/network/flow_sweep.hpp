// Flows of sandboxes that are gone. Their timers would end them in time, but an established TCP
// flow may wait five days, and its number must not come back to life under another sandbox.
#pragma once

#include "loader/data_plane.hpp"
#include "maps/types/id.hpp"

namespace ebpfnet::network {

// Removes every flow and port reservation of the sandbox and clears its quota. Walks the tables:
// tens of milliseconds when they are full, so not for a path that somebody waits on.
Result<void> remove_flows_of(view::Maps& maps, SandboxIndex sandbox);

} // namespace ebpfnet::network
