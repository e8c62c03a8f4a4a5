// IP addresses and prefixes, IPv4 and IPv6. An IpAddress holds 16 bytes in network order; IPv4 is
// kept IPv4-mapped
// (::ffff:a.b.c.d, RFC 4291 2.5.5.2), which is also the form of every address in a BPF map key.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet {

class IpAddress {
public:
  IpAddress() = default; // "::", which also stands for "none"

  // Text form of either family. Refuses anything else: "'10.0.0.999' is not an IP address".
  static Result<IpAddress> from(std::string_view text);
  static IpAddress from_v4(std::uint32_t host_order);
  static IpAddress from_bytes(const std::array<std::uint8_t, 16>& network_order);

  bool is_v4() const;
  bool is_unspecified() const; // 0.0.0.0 or ::
  bool is_loopback() const;    // 127.0.0.0/8 or ::1
  bool is_multicast() const;
  std::uint32_t v4() const; // host order; only for IPv4
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string to_string() const;

  // The address `delta` further on, wrapping within 128 bits (IPv4: within 32).
  IpAddress plus(std::uint64_t delta) const;

  auto operator<=>(const IpAddress&) const = default;

private:
  std::array<std::uint8_t, 16> bytes_{};
};

class IpPrefix {
public:
  IpPrefix() = default;
  // "10.0.0.0/24". Host bits must be zero: "invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24".
  static Result<IpPrefix> from(std::string_view text);
  // Masks the host bits away. `length` is in the family's own bits (0..32 or 0..128).
  static IpPrefix of(const IpAddress& address, unsigned length);

  const IpAddress& address() const { return address_; }
  unsigned length() const { return length_; }
  // Length in bits of the mapped 128-bit form, as LPM map keys use it.
  unsigned mapped_length() const { return address_.is_v4() ? length_ + 96 : length_; }
  bool is_v4() const { return address_.is_v4(); }
  bool contains(const IpAddress& address) const;
  bool contains(const IpPrefix& other) const;
  bool overlaps(const IpPrefix& other) const;
  IpAddress last() const;     // broadcast address for IPv4
  std::uint64_t size() const; // number of addresses, saturated at 2^63
  std::string to_string() const;

  auto operator<=>(const IpPrefix&) const = default;

private:
  IpAddress address_;
  unsigned length_ = 0;
};

} // namespace ebpfnet
