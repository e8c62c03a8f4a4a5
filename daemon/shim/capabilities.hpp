// The capabilities of a command: Docker's default fourteen, what the user adds, and how a process
// gives up the rest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::shim {

// Bit n is capability n (capabilities(7)).
using CapabilityMask = std::uint64_t;

// The default set plus `add`: names in any case, with or without "CAP_", or "ALL". Privileged:
// everything that this kernel knows. An unknown name is ErrorCode::invalid.
Result<CapabilityMask> capability_set(const std::vector<std::string>& add, bool privileged);

// Drops everything outside `mask` from the bounding set of the calling process. What the process
// does not have itself is silently left out.
Result<void> limit_bounding_set(CapabilityMask mask);

// Sets effective and permitted to `mask` as far as permitted now, inheritable and ambient to
// nothing. After the user was changed away from root there is nothing left to keep.
Result<void> limit_capabilities(CapabilityMask mask);

} // namespace ebpfnet::shim
