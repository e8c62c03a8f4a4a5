#include "maps/types/mac.hpp"

#include <sys/random.h>

#include <algorithm>
#include <charconv>

namespace ebpfnet {

Result<Mac> Mac::from(std::string_view text) {
  Mac out;
  bool well_formed = text.size() == 17;
  for (std::size_t i = 0; well_formed && i < 6; ++i) {
    const char* first = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(first, first + 2, out.bytes_[i], 16);
    well_formed = error == std::errc{} && end == first + 2 && (i == 5 || *end == ':');
  }
  if (!well_formed) {
    return fail(ErrorCode::invalid,
                "'{}' is not a MAC address (expected six hex pairs, as 02:42:ac:11:00:02)", text);
  }
  if ((out.bytes_[0] & 1U) != 0 || out.is_zero()) {
    return fail(ErrorCode::invalid, "'{}' cannot be the address of an interface: it is {}", text,
                out.is_zero() ? "all zero" : "a group address");
  }
  return out;
}

Mac Mac::from_bytes(const std::array<std::uint8_t, 6>& bytes) {
  Mac out;
  out.bytes_ = bytes;
  return out;
}

Mac Mac::from_ipv4(const IpAddress& address) {
  const auto& b = address.bytes();
  return from_bytes({0x02, 0x42, b[12], b[13], b[14], b[15]});
}

Result<Mac> Mac::random() {
  std::array<std::uint8_t, 6> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return fail_errno(errno, "getrandom");
  }
  bytes[0] = 0x02;
  return from_bytes(bytes);
}

bool Mac::is_zero() const {
  return std::ranges::all_of(bytes_, [](std::uint8_t b) { return b == 0; });
}

IpAddress Mac::link_local() const {
  constexpr std::uint8_t kLocalBit = 0x02; // inverted in the identifier
  return IpAddress::from_bytes({0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                static_cast<std::uint8_t>(bytes_[0] ^ kLocalBit), bytes_[1],
                                bytes_[2], 0xff, 0xfe, bytes_[3], bytes_[4], bytes_[5]});
}

std::string Mac::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2],
                     bytes_[3], bytes_[4], bytes_[5]);
}

} // namespace ebpfnet
