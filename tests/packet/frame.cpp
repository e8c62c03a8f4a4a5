#include "tests/packet/frame.hpp"

#include <array>

namespace ebpfnet::packet {
namespace {

void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void put(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

void put(Bytes& out, const Mac& mac) {
  out.insert(out.end(), mac.bytes().begin(), mac.bytes().end());
}

void set16(Bytes& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint32_t sum16(const Bytes& data, std::uint32_t sum) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(data[i]) << 8 : data[i];
  }
  return sum;
}

std::uint32_t pseudo_header6(const Frame& frame, std::size_t length) {
  std::uint32_t sum = frame.proto + static_cast<std::uint32_t>(length);
  for (const IpAddress& address : {frame.src, frame.dst}) {
    sum = sum16(Bytes(address.bytes().begin(), address.bytes().end()), sum);
  }
  return sum;
}

std::uint32_t pseudo_header(const Frame& frame, std::size_t length) {
  if (frame.is_v6()) {
    return pseudo_header6(frame, length);
  }
  const std::uint32_t src = frame.src.v4();
  const std::uint32_t dst = frame.dst.v4();
  return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + frame.proto +
         static_cast<std::uint32_t>(length);
}

Bytes ip6_header(const Frame& frame, std::size_t payload_length) {
  Bytes out = {0x60, 0, 0, 0};
  put16(out, static_cast<std::uint32_t>(frame.extensions.size() + payload_length));
  out.push_back(frame.extensions.empty() ? frame.proto : frame.first_extension);
  out.push_back(frame.ttl);
  for (const IpAddress& address : {frame.src, frame.dst}) {
    out.insert(out.end(), address.bytes().begin(), address.bytes().end());
  }
  put(out, frame.extensions);
  return out;
}

Bytes ip_header(const Frame& frame, std::size_t payload_length) {
  if (frame.is_v6()) {
    return ip6_header(frame, payload_length);
  }
  Bytes out;
  const std::size_t header_length = 20 + frame.options.size();
  out.push_back(static_cast<std::uint8_t>(0x40 | header_length / 4));
  out.push_back(0);
  put16(out, static_cast<std::uint32_t>(header_length + payload_length));
  put16(out, frame.id);
  put16(out, frame.fragment);
  out.push_back(frame.ttl);
  out.push_back(frame.proto);
  put16(out, 0);
  put32(out, frame.src.v4());
  put32(out, frame.dst.v4());
  put(out, frame.options);
  set16(out, 10, checksum(out));
  return out;
}

Bytes tcp_segment(const Frame& frame) {
  Bytes out;
  put16(out, frame.sport);
  put16(out, frame.dport);
  put32(out, frame.seq);
  put32(out, frame.ack);
  out.push_back(5 << 4);
  out.push_back(frame.flags);
  put16(out, 0xfaf0);
  put32(out, 0);
  put(out, frame.payload);
  set16(out, 16, checksum(out, pseudo_header(frame, out.size())));
  return out;
}

Bytes udp_datagram(const Frame& frame) {
  Bytes out;
  put16(out, frame.sport);
  put16(out, frame.dport);
  put16(out, static_cast<std::uint32_t>(8 + frame.payload.size()));
  put16(out, 0);
  put(out, frame.payload);
  if (!frame.without_checksum) {
    const std::uint16_t sum = checksum(out, pseudo_header(frame, out.size()));
    set16(out, 6, sum == 0 ? 0xffff : sum); // RFC 768
  }
  return out;
}

Bytes icmp_message(const Frame& frame) {
  Bytes out = {frame.icmp_type, frame.icmp_code, 0, 0};
  put32(out, frame.icmp_rest);
  put(out, frame.payload);
  set16(out, 2, checksum(out, frame.proto == kIcmp6 ? pseudo_header6(frame, out.size()) : 0));
  return out;
}

} // namespace

bool Frame::is_v6() const {
  const auto v6 = [](const IpAddress& address) {
    return !address.is_v4() && !address.is_unspecified();
  };
  return v6(src) || v6(dst);
}

std::uint16_t checksum(const Bytes& data, std::uint32_t seed) {
  std::uint32_t sum = sum16(data, seed);
  while (sum >> 16 != 0) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

Bytes Frame::transport() const {
  switch (proto) {
  case kTcp:
    return tcp_segment(*this);
  case kUdp:
    return udp_datagram(*this);
  case kIcmp:
  case kIcmp6:
    return icmp_message(*this);
  default:
    return payload;
  }
}

Bytes Frame::ip_packet() const {
  const Bytes body = transport();
  Bytes out = ip_header(*this, body.size());
  put(out, body);
  return out;
}

Bytes Frame::bytes() const {
  return ethernet(eth_dst, eth_src, is_v6() ? 0x86dd : 0x0800, ip_packet());
}

Frame tcp(std::uint8_t flags) {
  Frame out;
  out.proto = kTcp;
  out.flags = flags;
  out.seq = 0x01020304;
  out.ack = (flags & kAck) != 0 ? 0x0a0b0c0d : 0;
  return out;
}

Frame udp() {
  Frame out;
  out.proto = kUdp;
  out.payload = {'h', 'e', 'l', 'l', 'o'};
  return out;
}

Frame echo(std::uint16_t identifier) {
  Frame out;
  out.proto = kIcmp;
  out.icmp_type = 8;
  out.icmp_rest = static_cast<std::uint32_t>(identifier) << 16 | 1;
  out.payload = {'p', 'i', 'n', 'g'};
  return out;
}

Frame echo_reply(std::uint16_t identifier) {
  Frame out = echo(identifier);
  out.icmp_type = 0;
  return out;
}

Frame echo6(std::uint16_t identifier) {
  Frame out = echo(identifier);
  out.proto = kIcmp6;
  out.icmp_type = 128;
  return out;
}

Frame echo6_reply(std::uint16_t identifier) {
  Frame out = echo6(identifier);
  out.icmp_type = 129;
  return out;
}

Frame icmp_error(std::uint8_t type, std::uint8_t code, const Frame& about, std::size_t kept) {
  Frame out;
  out.proto = about.is_v6() ? kIcmp6 : kIcmp;
  out.icmp_type = type;
  out.icmp_code = code;
  out.payload = about.ip_packet();
  out.payload.resize(std::min(kept, out.payload.size()));
  return out;
}

Bytes later_fragment(const Frame& first, std::uint16_t offset_bytes, const Bytes& payload) {
  Frame out = first;
  out.fragment = offset_bytes / 8;
  Bytes packet = ip_header(out, payload.size());
  put(packet, payload);
  return ethernet(first.eth_dst, first.eth_src, 0x0800, packet);
}

Bytes Arp::bytes() const {
  Bytes out = {0, 1, 8, 0, 6, 4};
  put16(out, operation);
  put(out, sender_mac);
  put32(out, sender.v4());
  put(out, target_mac);
  put32(out, target.v4());
  return ethernet(eth_dst, eth_src, 0x0806, out);
}

Mac broadcast() {
  return Mac::from_bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
}

Bytes ethernet(const Mac& dst, const Mac& src, std::uint16_t ethertype, const Bytes& payload) {
  Bytes out;
  put(out, dst);
  put(out, src);
  put16(out, ethertype);
  put(out, payload);
  return out;
}

} // namespace ebpfnet::packet
