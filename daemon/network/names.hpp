// Names that users choose: which are allowed, and one for who chooses none.
#pragma once

#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::network {

// Docker's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255 characters. `what` is "network" or
// "sandbox".
Result<void> check_name(std::string_view what, std::string_view name);

// RFC 1123 labels joined by dots, at most 63 characters each.
Result<void> check_hostname(std::string_view hostname);

} // namespace ebpfnet::network
