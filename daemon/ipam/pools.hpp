// The default address pools: Docker's for IPv4, a unique local /48 (RFC 4193) of this machine for
// IPv6.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "maps/types/ip.hpp"

namespace ebpfnet::ipam {

// The first prefix of the pools that overlaps none of `taken` (default routes do not count).
// `length` unset: 172.17-31 in /16, then 192.168 in /20; IPv6 in /64. Errors: `invalid` (larger
// than a pool), `exhausted`.
Result<IpPrefix> choose_subnet(bool v6, std::optional<unsigned> length, std::uint64_t ula_seed,
                               const std::vector<IpPrefix>& taken);

} // namespace ebpfnet::ipam
