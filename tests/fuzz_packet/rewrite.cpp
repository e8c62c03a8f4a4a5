#include "tests/fuzz_packet/rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ebpfnet::packet {
namespace {

// A checksum field that the program had to change: its value is taken from what came out, and the
// sum over what it covers must be what it was.
void take_over(Bytes& expected, const Bytes& out, std::size_t field) {
  put_half(expected, field, half_at(out, field));
}

void rewrite_ethernet(Bytes& expected, const Rewrite& rewrite) {
  if (rewrite.eth_dst) {
    put_mac(expected, 0, *rewrite.eth_dst);
  }
  if (rewrite.eth_src) {
    put_mac(expected, 6, *rewrite.eth_src);
  }
}

// Whether an address changed.
bool rewrite_addresses(Bytes& expected, std::size_t ip, const std::optional<IpAddress>& src,
                       const std::optional<IpAddress>& dst) {
  const Bytes before = expected;
  if (src) {
    put_address(expected, ip + 12, *src);
  }
  if (dst) {
    put_address(expected, ip + 16, *dst);
  }
  return expected != before;
}

bool rewrite_ports(Bytes& expected, const Ipv4& ip, const Ports& ports) {
  const Bytes before = expected;
  if (ip.proto == kIcmp) {
    put_half(expected, ip.transport + 4, ip.icmp_type == 8 ? ports.source : ports.destination);
  } else {
    put_half(expected, ip.transport, ports.source);
    put_half(expected, ip.transport + 2, ports.destination);
  }
  return expected != before;
}

bool rewrite_quoted_ports(Bytes& expected, const Quoted& quoted, const Ports& ports) {
  const Bytes before = expected;
  if (quoted.id != 0) {
    put_half(expected, quoted.id,
             expected[quoted.transport] == 8 ? ports.source : ports.destination);
  } else {
    put_half(expected, quoted.transport, ports.source);
    put_half(expected, quoted.transport + 2, ports.destination);
  }
  return expected != before;
}

// What the quoted transport checksum covers and is quoted for certain: addresses, ports, itself.
std::uint32_t quoted_sum(const Bytes& frame, const Quoted& quoted) {
  std::uint32_t sum = sum_between(frame, *quoted.sum, *quoted.sum + 2);
  if (quoted.id != 0) {
    return (sum + sum_between(frame, quoted.id, quoted.id + 2)) % 0xffff;
  }
  sum += sum_between(frame, quoted.at + 12, quoted.at + 20);
  return (sum + sum_between(frame, quoted.transport, quoted.transport + 4)) % 0xffff;
}

std::string compare(const Bytes& out, const Bytes& expected) {
  if (out == expected) {
    return {};
  }
  if (out.size() != expected.size()) {
    return fmt::format("{} bytes instead of {}", out.size(), expected.size());
  }
  const auto at = std::ranges::mismatch(out, expected).in1 - out.begin();
  return fmt::format("byte {} differs: out {}, expected {}", at, hex(out), hex(expected));
}

std::string check_quote(const Bytes& in, const Bytes& out, Bytes& expected, const Ipv4& ip,
                        const Rewrite& rewrite) {
  const auto quoted = read_quoted(in, ip);
  if (!quoted) {
    return "nothing that could be translated is quoted";
  }
  const bool addresses =
      rewrite_addresses(expected, quoted->at, rewrite.quoted_src, rewrite.quoted_dst);
  const bool ports =
      rewrite.quoted_ports && rewrite_quoted_ports(expected, *quoted, *rewrite.quoted_ports);
  if (addresses) {
    take_over(expected, out, quoted->at + 10);
    if (sum_between(in, quoted->at, quoted->transport) !=
        sum_between(out, quoted->at, quoted->transport)) {
      return "the checksum of the quoted IP header is wrong";
    }
  }
  const bool absent = quoted->sum && quoted->proto == kUdp && half_at(in, *quoted->sum) == 0;
  if (quoted->sum && !absent && (ports || (addresses && quoted->id == 0))) {
    take_over(expected, out, *quoted->sum);
    if (quoted_sum(in, *quoted) != quoted_sum(out, *quoted)) {
      return "the quoted transport checksum is wrong";
    }
    if (quoted->proto == kUdp && half_at(out, *quoted->sum) == 0) {
      return "the quoted UDP checksum became absent";
    }
  }
  if (addresses || ports) {
    take_over(expected, out, *ip.sum);
  }
  return {};
}

} // namespace

std::string difference(const Bytes& in, const Bytes& out, const Rewrite& rewrite) {
  const auto ip = read(in).ip;
  if (ip) {
    return difference(in, out, *ip, rewrite);
  }
  Bytes expected = in;
  rewrite_ethernet(expected, rewrite);
  return compare(out, expected);
}

std::string difference(const Bytes& in, const Bytes& out, const Ipv4& ip, const Rewrite& rewrite) {
  Bytes expected = in;
  if (out.size() != in.size()) {
    return compare(out, expected);
  }
  rewrite_ethernet(expected, rewrite);
  if (rewrite.quoted_src || rewrite.quoted_dst || rewrite.quoted_ports) {
    if (std::string wrong = check_quote(in, out, expected, ip, rewrite); !wrong.empty()) {
      return wrong;
    }
  }
  const bool addresses = rewrite_addresses(expected, ip.at, rewrite.src, rewrite.dst);
  const bool ttl = rewrite.ttl && *rewrite.ttl != ip.ttl;
  if (ttl) {
    expected[ip.at + 8] = *rewrite.ttl;
  }
  if (addresses || ttl) {
    take_over(expected, out, ip.at + 10);
  }
  const bool ports = ip.ports && rewrite.ports && rewrite_ports(expected, ip, *rewrite.ports);
  const bool absent = ip.sum && ip.proto == kUdp && half_at(in, *ip.sum) == 0;
  if (ip.sum && !absent && (ports || (addresses && ip.proto != kIcmp))) {
    take_over(expected, out, *ip.sum);
  }
  if (std::string wrong = compare(out, expected); !wrong.empty()) {
    return wrong;
  }
  if (header_sum(in, ip) != header_sum(out, ip)) {
    return "the IP header checksum is wrong: " + hex(out);
  }
  if (ip.sum && !absent && transport_sum(in, ip) != transport_sum(out, ip)) {
    return "the transport checksum is wrong: " + hex(out);
  }
  return ip.sum && ip.proto == kUdp && !absent && half_at(out, *ip.sum) == 0
             ? "the UDP checksum became absent: " + hex(out)
             : std::string();
}

std::string hex(const Bytes& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += fmt::format("{:02x}", byte);
  }
  return out;
}

} // namespace ebpfnet::packet
