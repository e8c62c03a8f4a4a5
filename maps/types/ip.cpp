#include "maps/types/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ebpfnet {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Bytes of `address` with everything after the first `bits` bits set to `fill`.
std::array<std::uint8_t, 16> with_tail(std::array<std::uint8_t, 16> bytes, unsigned bits,
                                       bool fill) {
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = bits <= i * 8 ? 0 : std::min(8U, bits - i * 8);
    const auto tail = static_cast<std::uint8_t>(0xffU >> kept);
    bytes[i] = static_cast<std::uint8_t>(fill ? (bytes[i] | tail) : (bytes[i] & ~tail));
  }
  return bytes;
}

} // namespace

Result<IpAddress> IpAddress::from(std::string_view text) {
  const std::string zero_terminated(text);
  const bool whole = text.find('\0') == std::string_view::npos; // inet_pton stops there
  IpAddress out;
  in_addr v4{};
  if (whole && ::inet_pton(AF_INET, zero_terminated.c_str(), &v4) == 1) {
    return from_v4(ntohl(v4.s_addr));
  }
  if (whole && ::inet_pton(AF_INET6, zero_terminated.c_str(), out.bytes_.data()) == 1) {
    return out;
  }
  return fail(ErrorCode::invalid, "'{}' is not an IP address", text);
}

IpAddress IpAddress::from_v4(std::uint32_t host_order) {
  IpAddress out;
  std::ranges::copy(kMappedPrefix, out.bytes_.begin());
  const std::uint32_t wire = htonl(host_order);
  std::memcpy(out.bytes_.data() + 12, &wire, 4);
  return out;
}

IpAddress IpAddress::from_bytes(const std::array<std::uint8_t, 16>& network_order) {
  IpAddress out;
  out.bytes_ = network_order;
  return out;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

bool IpAddress::is_unspecified() const {
  const auto tail = is_v4() ? bytes_.begin() + 12 : bytes_.begin();
  return std::all_of(tail, bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) {
    return bytes_[12] == 127;
  }
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes_[12] & 0xf0U) == 0xe0 : bytes_[0] == 0xff;
}

std::uint32_t IpAddress::v4() const {
  std::uint32_t wire = 0;
  std::memcpy(&wire, bytes_.data() + 12, 4);
  return ntohl(wire);
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

IpAddress IpAddress::plus(std::uint64_t delta) const {
  if (is_v4()) {
    return from_v4(v4() + static_cast<std::uint32_t>(delta));
  }
  IpAddress out = *this;
  unsigned carry = 0;
  for (int i = 15; i >= 0; --i) {
    const unsigned add = i >= 8 ? static_cast<unsigned>((delta >> (8 * (15 - i))) & 0xff) : 0;
    const unsigned sum = out.bytes_[static_cast<std::size_t>(i)] + add + carry;
    out.bytes_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(sum);
    carry = sum >> 8;
  }
  return out;
}

Result<IpPrefix> IpPrefix::from(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    return fail(ErrorCode::invalid, "invalid subnet {}: it should be ADDRESS/LENGTH", text);
  }
  auto address = IpAddress::from(text.substr(0, slash));
  if (!address) {
    return fail(ErrorCode::invalid, "invalid subnet {}: {}", text, address.error().message);
  }
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const unsigned longest = address->is_v4() ? 32 : 128;
  if (error != std::errc{} || end != digits.data() + digits.size() || length > longest) {
    return fail(ErrorCode::invalid, "invalid subnet {}: the prefix length must be 0..{}", text,
                longest);
  }
  const IpPrefix masked = of(*address, length);
  if (masked.address() != *address) {
    return fail(ErrorCode::invalid, "invalid subnet {}: it should be {}", text, masked.to_string());
  }
  return masked;
}

IpPrefix IpPrefix::of(const IpAddress& address, unsigned length) {
  IpPrefix out;
  out.length_ = length;
  const unsigned bits = address.is_v4() ? length + 96 : length;
  out.address_ = IpAddress::from_bytes(with_tail(address.bytes(), bits, false));
  return out;
}

bool IpPrefix::contains(const IpAddress& address) const {
  return address.is_v4() == is_v4() && of(address, length_).address() == address_;
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return other.length_ >= length_ && contains(other.address_);
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return contains(other) || other.contains(*this);
}

IpAddress IpPrefix::last() const {
  return IpAddress::from_bytes(with_tail(address_.bytes(), mapped_length(), true));
}

std::uint64_t IpPrefix::size() const {
  const unsigned host_bits = (is_v4() ? 32 : 128) - length_;
  return host_bits >= 63 ? (1ULL << 63) : (1ULL << host_bits);
}

std::string IpPrefix::to_string() const {
  return fmt::format("{}/{}", address_.to_string(), length_);
}

} // namespace ebpfnet
