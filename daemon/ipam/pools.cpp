#include "daemon/ipam/pools.hpp"

#include <algorithm>

namespace ebpfnet::ipam {

namespace {

struct Pool {
  IpPrefix base;
  unsigned length; // of the subnets cut from it
};

std::vector<Pool> pools_v4() {
  std::vector<Pool> pools;
  for (std::uint32_t second = 17; second <= 31; ++second) {
    pools.push_back({IpPrefix::of(IpAddress::from_v4((172U << 24) | (second << 16)), 16), 16});
  }
  pools.push_back({IpPrefix::of(IpAddress::from_v4((192U << 24) | (168U << 16)), 16), 20});
  return pools;
}

std::vector<Pool> pools_v6(std::uint64_t seed) {
  std::array<std::uint8_t, 16> bytes{0xfd};
  for (std::size_t i = 0; i < 5; ++i) {
    bytes[5 - i] = static_cast<std::uint8_t>(seed >> (8 * i));
  }
  return {{IpPrefix::of(IpAddress::from_bytes(bytes), 48), 64}};
}

// Walks the subnets of one pool and jumps over whatever is in the way.
std::optional<IpPrefix> first_free(const IpPrefix& base, unsigned length,
                                   const std::vector<IpPrefix>& taken) {
  IpPrefix candidate = IpPrefix::of(base.address(), length);
  while (base.contains(candidate)) {
    const auto blocker = std::ranges::find_if(taken, [&](const IpPrefix& other) {
      return other.length() > 0 && candidate.overlaps(other);
    });
    if (blocker == taken.end()) {
      return candidate;
    }
    candidate = IpPrefix::of(std::max(candidate.last(), blocker->last()).plus(1), length);
  }
  return std::nullopt;
}

} // namespace

Result<IpPrefix> choose_subnet(bool v6, std::optional<unsigned> length, std::uint64_t ula_seed,
                               const std::vector<IpPrefix>& taken) {
  bool fits = false;
  for (const Pool& pool : v6 ? pools_v6(ula_seed) : pools_v4()) {
    const unsigned wanted = length.value_or(pool.length);
    if (wanted < pool.base.length()) {
      continue;
    }
    fits = true;
    if (auto found = first_free(pool.base, wanted, taken)) {
      return *found;
    }
  }
  if (!fits) {
    return fail(ErrorCode::invalid, "no default address pool holds a /{}: the largest is /{}",
                *length, v6 ? 48 : 16);
  }
  return Failure(Error{ErrorCode::exhausted, 0,
                       "all predefined address pools have been fully subnetted",
                       "remove networks that are not needed, or choose a subnet with --subnet"});
}

} // namespace ebpfnet::ipam
