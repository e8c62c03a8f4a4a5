// Signals by name, with or without SIG, or by number.
#pragma once

#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::network {

// "TERM", "SIGTERM", "sigterm" or "15". Errors: invalid.
Result<int> parse_signal(std::string_view text);

} // namespace ebpfnet::network
