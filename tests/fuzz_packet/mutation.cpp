#include "tests/fuzz_packet/mutation.hpp"

#include <algorithm>

namespace ebpfnet::packet {
namespace {

constexpr std::size_t kIp = 14;

void set_ip_field(Bytes& frame, Random& random) {
  const std::size_t length = frame.size() - kIp;
  switch (random.below(9)) {
  case 0:
    frame[kIp] = random.of<std::uint8_t>({0x45, 0x44, 0x46, 0x4f, 0x40, 0x55, 0x65, 0x05});
    break;
  case 1:
    put_half(frame, kIp + 2,
             static_cast<std::uint16_t>(random.of<std::size_t>(
                 {0, 19, 20, 27, 28, 39, 40, length - 1, length, length + 1, 65535})));
    break;
  case 2:
    put_half(frame, kIp + 6,
             random.of<std::uint16_t>({0, kMoreFragments, 1, 0x1fff, 0x8000, kMoreFragments | 1}));
    break;
  case 3:
    frame[kIp + 8] = random.of<std::uint8_t>({0, 1, 2, 255});
    break;
  case 4:
    frame[kIp + 9] = random.of<std::uint8_t>({kIcmp, kTcp, kUdp, 0, 2, 4, 47, 50, 132, 136, 255});
    break;
  case 5:
    put_half(frame, kIp + 10, random.half());
    break;
  case 6: // the same datagram as others
    put_half(frame, kIp + 4, 7);
    break;
  default:
    frame[kIp + 12 + random.below(8)] = random.byte();
    break;
  }
}

void set_transport_field(Bytes& frame, Random& random) {
  const std::size_t at = kIp + static_cast<std::size_t>(frame[kIp] & 15) * 4;
  if (at + 20 > frame.size()) {
    return;
  }
  switch (random.below(5)) {
  case 0: // TCP: the header's length
    frame[at + 12] = static_cast<std::uint8_t>(random.of({0, 4, 5, 6, 15}) << 4);
    break;
  case 1: // TCP: flags
    frame[at + 13] = random.byte();
    break;
  case 2: { // UDP: the length
    const std::size_t length = frame.size() - at;
    put_half(frame, at + 4,
             static_cast<std::uint16_t>(
                 random.of<std::size_t>({0, 7, 8, 9, length - 1, length, length + 1, 65535})));
    break;
  }
  case 3: // ICMP: type and code
    frame[at] = random.of<std::uint8_t>({0, 3, 5, 8, 11, 12, 13, 255});
    frame[at + 1] = random.below(16) == 0 ? random.byte() : 0;
    break;
  default:
    frame[at + random.below(20)] = random.byte();
    break;
  }
}

// Options behind a TCP header without any: maximum segment size and such, or nonsense.
void add_tcp_options(Bytes& frame, Random& random) {
  const auto ip = read_ipv4(frame, kIp);
  if (!ip || ip->proto != kTcp || ip->later_fragment || frame[ip->transport + 12] >> 4 != 5 ||
      ip->end != frame.size()) {
    return;
  }
  const std::uint32_t words = random.between(1, 10);
  const Bytes options = random.bytes(std::size_t{words} * 4);
  frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(ip->transport + 20), options.begin(),
               options.end());
  frame[ip->transport + 12] = static_cast<std::uint8_t>((5 + words) << 4);
  put_half(frame, kIp + 2, static_cast<std::uint16_t>(frame.size() - kIp));
}

void change(Bytes& frame, Random& random) {
  const bool ipv4 = half_at(frame, 12) == 0x0800 && frame.size() >= kIp + 20;
  switch (random.below(ipv4 ? 8 : 4)) {
  case 0:
    frame[random.below(frame.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
    break;
  case 1:
    frame.resize(random.between(14, static_cast<std::uint32_t>(frame.size())));
    break;
  case 2: {
    const Bytes padding = random.bytes(random.between(1, 40));
    frame.insert(frame.end(), padding.begin(), padding.end());
    break;
  }
  case 3:
    frame[random.below(std::min<std::size_t>(frame.size(), 60))] =
        random.of<std::uint8_t>({0, 1, 0x7f, 0x80, 0xff, random.byte()});
    break;
  case 4:
    add_tcp_options(frame, random);
    break;
  case 5:
    set_transport_field(frame, random);
    break;
  default:
    set_ip_field(frame, random);
    break;
  }
}

} // namespace

void spoil(Bytes& frame, Random& random) {
  for (std::uint32_t left = random.between(1, 3); left > 0; --left) {
    change(frame, random);
  }
  if (random.one_in(2)) {
    seal(frame);
  }
  const std::uint16_t ethertype = half_at(frame, 12);
  const std::size_t least = ethertype == 0x0800 ? 34 : ethertype == 0x86dd ? 54 : 14;
  frame.resize(std::max(frame.size(), least));
}

void seal_header(Bytes& frame) {
  if (const auto ip = read_ipv4(frame, kIp)) {
    put_half(frame, ip->at + 10, 0);
    put_half(frame, ip->at + 10, static_cast<std::uint16_t>(0xffff - header_sum(frame, *ip)));
  }
}

void seal(Bytes& frame) {
  if (half_at(frame, 12) != 0x0800) {
    return;
  }
  seal_header(frame);
  const auto ip = read_ipv4(frame, kIp);
  if (!ip || !ip->sum) {
    return;
  }
  const bool absent = ip->proto == kUdp && half_at(frame, *ip->sum) == 0;
  if (!absent) {
    put_half(frame, *ip->sum, 0);
    put_half(frame, *ip->sum, static_cast<std::uint16_t>(0xffff - transport_sum(frame, *ip)));
  }
}

} // namespace ebpfnet::packet
