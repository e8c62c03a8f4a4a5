// What a translation may change in a packet, and the check that it changed that and nothing else.
#pragma once

#include <string>

#include "tests/fuzz_packet/reading.hpp"

namespace ebpfnet::packet {

// Fields that stay are nothing.
struct Rewrite {
  std::optional<Mac> eth_dst;
  std::optional<Mac> eth_src;
  std::optional<IpAddress> src;
  std::optional<IpAddress> dst;
  std::optional<Ports> ports; // ignored where the packet has none
  std::optional<std::uint8_t> ttl;
  // Of the packet that an ICMP error quotes.
  std::optional<IpAddress> quoted_src;
  std::optional<IpAddress> quoted_dst;
  std::optional<Ports> quoted_ports;
};

// Empty: `out` is `in` after `rewrite`. Checksums must account for what changed exactly: a valid
// one stays valid, a wrong one as wrong as it was, an absent one absent; all other bytes are equal.
// Otherwise what differs, in words.
std::string difference(const Bytes& in, const Bytes& out, const Rewrite& rewrite);
// `ip` is what stands in `in`.
std::string difference(const Bytes& in, const Bytes& out, const Ipv4& ip, const Rewrite& rewrite);

std::string hex(const Bytes& bytes);

} // namespace ebpfnet::packet
