#include "tests/fuzz_packet/reading.hpp"

#include <algorithm>
#include <stdexcept>

namespace ebpfnet::packet {
namespace {

// Bytes up to an end that a header announced. Reading behind it throws: that packet is short.
class Window {
public:
  Window(const Bytes& bytes, std::size_t end) : bytes_(bytes), end_(end) {
    if (end > bytes.size()) {
      throw std::out_of_range("the frame ends before the packet");
    }
  }
  std::uint8_t byte(std::size_t at) const {
    if (at >= end_) {
      throw std::out_of_range("the packet ends before the header");
    }
    return bytes_[at];
  }
  std::uint16_t half(std::size_t at) const {
    return static_cast<std::uint16_t>(byte(at) << 8 | byte(at + 1));
  }
  void need(std::size_t at, std::size_t size) const {
    if (size != 0) {
      static_cast<void>(byte(at + size - 1));
    }
  }
  std::size_t end() const { return end_; }

private:
  const Bytes& bytes_;
  std::size_t end_;
};

void refuse_unless(bool fine) {
  if (!fine) {
    throw std::out_of_range("an impossible value");
  }
}

void read_tcp(const Window& window, Ipv4& ip) {
  const std::size_t header = static_cast<std::size_t>(window.byte(ip.transport + 12) >> 4) * 4;
  refuse_unless(header >= 20);
  window.need(ip.transport, header);
  ip.ports = Ports{window.half(ip.transport), window.half(ip.transport + 2)};
  ip.tcp_flags = window.byte(ip.transport + 13);
  ip.sum = ip.transport + 16;
}

void read_udp(const Window& window, Ipv4& ip, bool segmented) {
  window.need(ip.transport, 8);
  const std::size_t length = window.half(ip.transport + 4);
  refuse_unless(length >= 8);
  if (!ip.more_fragments && !segmented) {
    window.need(ip.transport, length);
  }
  ip.ports = Ports{window.half(ip.transport), window.half(ip.transport + 2)};
  ip.sum = ip.transport + 6;
}

void read_icmp(const Window& window, Ipv4& ip) {
  window.need(ip.transport, 8);
  ip.icmp_type = window.byte(ip.transport);
  const std::uint16_t identifier = window.half(ip.transport + 4);
  if (ip.icmp_type == 8) {
    ip.ports = Ports{identifier, 0};
  } else if (ip.icmp_type == 0) {
    ip.ports = Ports{0, identifier};
  }
  ip.sum = ip.transport + 2;
}

Ipv4 read_whole_ipv4(const Bytes& frame, std::size_t at, bool segmented) {
  const Window all(frame, frame.size());
  Ipv4 ip;
  ip.at = at;
  refuse_unless(all.byte(at) >> 4 == 4);
  const std::size_t header = static_cast<std::size_t>(all.byte(at) & 15) * 4;
  ip.end = at + all.half(at + 2);
  const Window window(frame, ip.end);
  refuse_unless(header >= 20);
  window.need(at, header);
  ip.transport = at + header;
  ip.src = address_at(frame, at + 12);
  ip.dst = address_at(frame, at + 16);
  ip.proto = window.byte(at + 9);
  ip.ttl = window.byte(at + 8);
  ip.id = window.half(at + 4);
  ip.more_fragments = (window.byte(at + 6) & 0x20) != 0;
  ip.later_fragment = (window.half(at + 6) & 0x1fff) != 0;
  if (ip.later_fragment) {
    return ip;
  }
  switch (ip.proto) {
  case kTcp:
    read_tcp(window, ip);
    break;
  case kUdp:
    read_udp(window, ip, segmented);
    break;
  case kIcmp:
    read_icmp(window, ip);
    break;
  default:
    break;
  }
  return ip;
}

std::optional<ArpMessage> read_arp(const Bytes& frame) {
  constexpr std::size_t kAt = 14;
  const Bytes ethernet_and_ipv4 = {0, 1, 8, 0, 6, 4};
  if (frame.size() < kAt + 28 ||
      !std::equal(ethernet_and_ipv4.begin(), ethernet_and_ipv4.end(), frame.begin() + kAt)) {
    return std::nullopt;
  }
  return ArpMessage{half_at(frame, kAt + 6), mac_at(frame, kAt + 8), address_at(frame, kAt + 14),
                    mac_at(frame, kAt + 18), address_at(frame, kAt + 24)};
}

Quoted read_whole_quote(const Bytes& frame, const Ipv4& error) {
  const Window window(frame, error.end);
  Quoted out;
  out.at = error.transport + 8;
  const std::size_t header = static_cast<std::size_t>(window.byte(out.at) & 15) * 4;
  refuse_unless(window.byte(out.at) >> 4 == 4 && header >= 20 &&
                (window.half(out.at + 6) & 0x1fff) == 0);
  out.transport = out.at + header;
  window.need(out.transport, 8);
  out.src = address_at(frame, out.at + 12);
  out.dst = address_at(frame, out.at + 16);
  out.proto = frame[out.at + 9];
  std::size_t sum = out.transport + (out.proto == kTcp ? 16 : 6);
  if (out.proto == kTcp || out.proto == kUdp) {
    out.ports = Ports{window.half(out.transport), window.half(out.transport + 2)};
  } else {
    const std::uint8_t type = window.byte(out.transport);
    refuse_unless(out.proto == kIcmp && (type == 0 || type == 8));
    out.id = out.transport + 4;
    sum = out.transport + 2;
    const std::uint16_t identifier = window.half(out.id);
    out.ports = type == 8 ? Ports{identifier, 0} : Ports{0, identifier};
  }
  if (sum + 2 <= window.end()) {
    out.sum = sum;
  }
  return out;
}

std::uint32_t fold(std::uint64_t sum) {
  return static_cast<std::uint32_t>(sum % 0xffff);
}

std::uint64_t sum_of(const Bytes& bytes, std::size_t begin, std::size_t end) {
  std::uint64_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) {
    sum += (i - begin) % 2 == 0 ? static_cast<std::uint64_t>(bytes[i]) << 8 : bytes[i];
  }
  return sum;
}

} // namespace

std::optional<Ipv4> read_ipv4(const Bytes& frame, std::size_t at, bool segmented) {
  try {
    return read_whole_ipv4(frame, at, segmented);
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

Reading read(const Bytes& frame, bool segmented) {
  Reading out;
  out.dst = mac_at(frame, 0);
  out.src = mac_at(frame, 6);
  out.ethertype = half_at(frame, 12);
  if (out.ethertype == 0x0800) {
    out.ip = read_ipv4(frame, 14, segmented);
  } else if (out.ethertype == 0x0806) {
    out.arp = read_arp(frame);
  }
  return out;
}

std::optional<Quoted> read_quoted(const Bytes& frame, const Ipv4& error) {
  try {
    return read_whole_quote(frame, error);
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

std::uint32_t sum_between(const Bytes& frame, std::size_t begin, std::size_t end) {
  return fold(sum_of(frame, begin, end));
}

std::uint32_t header_sum(const Bytes& frame, const Ipv4& ip) {
  return fold(sum_of(frame, ip.at, ip.transport));
}

std::uint32_t transport_sum(const Bytes& frame, const Ipv4& ip) {
  std::size_t end = ip.end;
  // What follows the datagram within its packet is not part of it (RFC 768).
  if (ip.proto == kUdp && !ip.more_fragments) {
    end = std::min<std::size_t>(end, ip.transport + half_at(frame, ip.transport + 4));
  }
  std::uint64_t sum = sum_of(frame, ip.transport, end);
  if (ip.proto != kIcmp) {
    sum += sum_of(frame, ip.at + 12, ip.at + 20) + ip.proto + (end - ip.transport);
  }
  return fold(sum);
}

bool checksums_hold(const Bytes& frame, const Ipv4& ip) {
  if (header_sum(frame, ip) != 0) {
    return false;
  }
  if (!ip.sum || ip.is_fragment()) {
    return true;
  }
  const bool absent = ip.proto == kUdp && half_at(frame, *ip.sum) == 0;
  return absent || transport_sum(frame, ip) == 0;
}

std::uint16_t half_at(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

void put_half(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}

IpAddress address_at(const Bytes& bytes, std::size_t at) {
  return IpAddress::from_v4(static_cast<std::uint32_t>(half_at(bytes, at)) << 16 |
                            half_at(bytes, at + 2));
}

void put_address(Bytes& bytes, std::size_t at, const IpAddress& address) {
  put_half(bytes, at, static_cast<std::uint16_t>(address.v4() >> 16));
  put_half(bytes, at + 2, static_cast<std::uint16_t>(address.v4()));
}

Mac mac_at(const Bytes& bytes, std::size_t at) {
  std::array<std::uint8_t, 6> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = bytes.at(at + i);
  }
  return Mac::from_bytes(out);
}

void put_mac(Bytes& bytes, std::size_t at, const Mac& mac) {
  for (std::size_t i = 0; i < mac.bytes().size(); ++i) {
    bytes.at(at + i) = mac.bytes()[i];
  }
}

} // namespace ebpfnet::packet
