// Packets as a test describes them, and their bytes on the wire. Checksums are computed over the
// whole packet here, so that they check the incremental ones of the programs.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <vector>

#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::packet {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmp6 = 58;

inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;

inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;

inline IpAddress ip(std::string_view text) {
  return IpAddress::from(text).value();
}

// An Ethernet frame with an IPv4 packet, or with an IPv6 one when an address is one. A test copies
// the frame that it sent and changes what the program must have changed.
struct Frame {
  Mac eth_dst;
  Mac eth_src;
  IpAddress src;
  IpAddress dst;
  std::uint8_t proto = kUdp;
  std::uint8_t ttl = 64;
  std::uint16_t id = 0x1234;
  std::uint16_t fragment = kDontFragment; // flags and offset of the IP header
  Bytes options;                          // of the IP header; a multiple of four bytes
  std::uint8_t first_extension = 0;       // IPv6: the type of the first of `extensions`
  Bytes extensions;                       // IPv6: headers, of which the last names proto
  std::uint16_t sport = 0;                // TCP, UDP
  std::uint16_t dport = 0;
  std::uint8_t flags = 0; // TCP
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  bool without_checksum = false; // UDP
  std::uint8_t icmp_type = 8;
  std::uint8_t icmp_code = 0;
  std::uint32_t icmp_rest = 0; // identifier and sequence of an echo, MTU of an error
  Bytes payload;

  bool is_v6() const;
  Bytes bytes() const;     // from the Ethernet header
  Bytes ip_packet() const; // from the IP header
  Bytes transport() const; // from the transport header
};

Frame tcp(std::uint8_t flags);
Frame udp();
Frame echo(std::uint16_t identifier);
Frame echo_reply(std::uint16_t identifier);
Frame echo6(std::uint16_t identifier);
Frame echo6_reply(std::uint16_t identifier);
// An error (of about's IP version) about `about`, of which `kept` bytes from its IP header are
// quoted.
Frame icmp_error(std::uint8_t type, std::uint8_t code, const Frame& about, std::size_t kept = 28);
// A later fragment of a datagram: `payload` stands at `offset_bytes`, a multiple of eight.
Bytes later_fragment(const Frame& first, std::uint16_t offset_bytes, const Bytes& payload);

struct Arp {
  Mac eth_dst;
  Mac eth_src;
  std::uint16_t operation = 1; // request; 2: reply
  Mac sender_mac;
  IpAddress sender;
  Mac target_mac;
  IpAddress target;

  Bytes bytes() const;
};

Mac broadcast();
Bytes ethernet(const Mac& dst, const Mac& src, std::uint16_t ethertype, const Bytes& payload);
// RFC 1071 over `data` after `seed`.
std::uint16_t checksum(const Bytes& data, std::uint32_t seed = 0);

} // namespace ebpfnet::packet
