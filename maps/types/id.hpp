// Numbers and names that know what they are: interface index, endpoint slot, network index, 256-bit
// object id.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "maps/types/error.hpp"

namespace ebpfnet {

// An integer that cannot be mixed up with another kind of integer.
template <class Tag, class Int> struct StrongInt {
  Int value{};
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Int v) : value(v) {}
  auto operator<=>(const StrongInt&) const = default;
};

using IfIndex = StrongInt<struct IfIndexTag, std::uint32_t>; // 0 is none
using Slot = StrongInt<struct SlotTag, std::uint32_t>; // index into the endpoint table, 0 is none
using NetworkIndex =
    StrongInt<struct NetworkIndexTag, std::uint32_t>; // index into the network table, 0 is none
using SandboxIndex =
    StrongInt<struct SandboxIndexTag, std::uint32_t>; // number of a sandbox in map keys, 0 is none

// 64 lower-case hexadecimal digits from the kernel's random source, as Docker gives its objects.
Result<std::string> random_id();

} // namespace ebpfnet
