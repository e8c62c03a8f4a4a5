// A 48-bit Ethernet address in wire order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"
#include "maps/types/ip.hpp"

namespace ebpfnet {

class Mac {
public:
  Mac() = default;
  // "02:42:ac:11:00:02"; refuses group and all-zero addresses, which no interface may have.
  static Result<Mac> from(std::string_view text);
  static Mac from_bytes(const std::array<std::uint8_t, 6>& bytes);
  // Docker's habit: 02:42 followed by the four bytes of an IPv4 address.
  static Mac from_ipv4(const IpAddress& address);
  // Locally administered, otherwise random.
  static Result<Mac> random();

  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  bool is_zero() const;
  // fe80:: with the modified EUI-64 identifier (RFC 4291, appendix A), which Linux gives an
  // interface whose addr_gen_mode is 0.
  IpAddress link_local() const;
  std::string to_string() const;
  auto operator<=>(const Mac&) const = default;

private:
  std::array<std::uint8_t, 6> bytes_{};
};

} // namespace ebpfnet
