// The version of this build.
#pragma once

#include <string_view>

namespace ebpfnet {

inline constexpr std::string_view kVersion = EBPFNET_VERSION;

} // namespace ebpfnet
