// Holds what the kernel has against what the records say, without changing anything.
#pragma once

#include "daemon/network/context.hpp"
#include "daemon/network/publisher.hpp"
#include "daemon/network/uplinks.hpp"

namespace ebpfnet::network {

// One text per difference: a device, address, route, record, program, pin, published port or
// reserved port that is missing or wrong. Empty: all is well.
Result<std::vector<std::string>> verify_kernel(Context& context, const Publisher& publisher,
                                               const std::vector<UplinkInfo>& uplinks);

} // namespace ebpfnet::network
