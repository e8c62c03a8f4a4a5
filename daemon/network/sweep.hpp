// Orphans: what a daemon that died in the middle of a request left in the kernel. Called once at
// start, when memory holds all that was recorded.
#pragma once

#include <set>
#include <string>

#include "daemon/network/context.hpp"

namespace ebpfnet::network {

// Devices with our instance's alias whose object is not known any more, and those that an end in
// the middle left without an alias.
Result<void> sweep_devices(Context& context, const std::set<std::string>& known);
// Rows of the data plane's tables whose network, endpoint or sandbox is not known; their devices
// are gone by then.
Result<void> sweep_tables(Context& context);

} // namespace ebpfnet::network
