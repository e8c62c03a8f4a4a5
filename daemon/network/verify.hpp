// Holds what the kernel has against what the records say, without changing anything.
#pragma once

#include "daemon/network/context.hpp"

namespace ebpfnet::network {

// One text per difference: a device, record, route or pin that is missing or wrong. Empty: all is
// well.
Result<std::vector<std::string>> verify_kernel(Context& context);

} // namespace ebpfnet::network
