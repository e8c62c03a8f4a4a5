// What a frame says, read by rules of the RFCs and by nothing of the programs under test: the other
// opinion on which packets are whole.
#pragma once

#include <optional>

#include "tests/packet/frame.hpp"

namespace ebpfnet::packet {

struct Ports {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  auto operator<=>(const Ports&) const = default;
};

// An IPv4 packet whose headers are all there and agree with each other.
struct Ipv4 {
  std::size_t at = 0;        // of the IP header in the frame
  std::size_t transport = 0; // of the transport header
  std::size_t end = 0;       // behind the packet; the frame may go on (padding)
  IpAddress src;
  IpAddress dst;
  std::uint8_t proto = 0;
  std::uint8_t ttl = 0;
  std::uint16_t id = 0;
  bool more_fragments = false;
  bool later_fragment = false;    // no transport header here
  std::optional<Ports> ports;     // TCP, UDP; an echo has its identifier and 0, as it was asked
  std::uint8_t tcp_flags = 0;     // TCP only
  std::uint8_t icmp_type = 0;     // ICMP only
  std::optional<std::size_t> sum; // of the transport checksum: TCP, UDP, ICMP

  std::size_t length() const { return end - at; }
  bool is_fragment() const { return more_fragments || later_fragment; }
  // Destination unreachable, time exceeded, parameter problem, in one piece.
  bool is_error() const {
    return proto == kIcmp && !is_fragment() &&
           (icmp_type == 3 || icmp_type == 11 || icmp_type == 12);
  }
};

struct ArpMessage {
  std::uint16_t operation = 0;
  Mac sender_mac;
  IpAddress sender;
  Mac target_mac;
  IpAddress target;
};

struct Reading {
  Mac dst;
  Mac src;
  std::uint16_t ethertype = 0;
  std::optional<Ipv4> ip;        // ethertype IPv4, and whole
  std::optional<ArpMessage> arp; // ethertype ARP, for IPv4 over Ethernet, and whole
  bool is_tagged() const { return ethertype == 0x8100 || ethertype == 0x88a8; }
};

// `frame` has an Ethernet header. A segmented packet (GSO) has the UDP length of one of its parts.
Reading read(const Bytes& frame, bool segmented = false);
// The IP packet at `at`; nothing when it is malformed.
std::optional<Ipv4> read_ipv4(const Bytes& frame, std::size_t at, bool segmented = false);

// The head of the packet that an ICMP error quotes: nothing when its ports are not all there.
struct Quoted {
  std::size_t at = 0;
  std::size_t transport = 0;
  IpAddress src;
  IpAddress dst;
  std::uint8_t proto = 0;
  Ports ports;
  std::size_t id = 0;             // offset of the identifier of an echo; 0: TCP or UDP
  std::optional<std::size_t> sum; // of the transport checksum, where it is quoted
};
std::optional<Quoted> read_quoted(const Bytes& frame, const Ipv4& error);

// Sums in one's complement arithmetic, 0..0xfffe. They are zero over what a valid checksum covers.
std::uint32_t sum_between(const Bytes& frame, std::size_t begin, std::size_t end);
std::uint32_t header_sum(const Bytes& frame, const Ipv4& ip);
// With the pseudo header of TCP and UDP.
std::uint32_t transport_sum(const Bytes& frame, const Ipv4& ip);
// Whether every checksum holds that the packet has and that can be told from this packet alone.
bool checksums_hold(const Bytes& frame, const Ipv4& ip);

std::uint16_t half_at(const Bytes& bytes, std::size_t at);
void put_half(Bytes& bytes, std::size_t at, std::uint16_t value);
IpAddress address_at(const Bytes& bytes, std::size_t at);
void put_address(Bytes& bytes, std::size_t at, const IpAddress& address);
Mac mac_at(const Bytes& bytes, std::size_t at);
void put_mac(Bytes& bytes, std::size_t at, const Mac& mac);

} // namespace ebpfnet::packet
