// Between the vocabulary types and the forms that stand in maps. Both are network order, so nothing
// is swapped.
#pragma once

#include <cstring>

#include "maps/abi/base.h"
#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::view {

inline ebn_addr to_abi(const IpAddress& address) {
  ebn_addr out{};
  std::memcpy(&out, address.bytes().data(), sizeof out);
  return out;
}

inline IpAddress from_abi(const ebn_addr& address) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &address, sizeof address);
  return IpAddress::from_bytes(bytes);
}

inline void copy_mac(const Mac& mac, __u8 (&out)[6]) {
  std::memcpy(out, mac.bytes().data(), 6);
}

} // namespace ebpfnet::view
