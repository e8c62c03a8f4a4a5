#include "tests/fuzz_packet/shot.hpp"

#include <algorithm>

#include "tests/fuzz_packet/mutation.hpp"

namespace ebpfnet::packet {
namespace {

constexpr std::string_view kMagic = "ebn-shot";
constexpr std::size_t kMark = 12; // with the number
constexpr std::size_t kLargest = 1514;

// An error has a packet for its payload.
bool quotes(const Ipv4& ip) {
  const std::uint8_t type = ip.icmp_type;
  return ip.proto == kIcmp && !ip.later_fragment &&
         (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

// Where the payload begins.
std::size_t payload_of(const Bytes& frame, const Ipv4& ip) {
  if (ip.later_fragment || (ip.proto != kTcp && ip.proto != kUdp && ip.proto != kIcmp)) {
    return ip.transport;
  }
  return ip.transport +
         (ip.proto == kTcp ? static_cast<std::size_t>(frame[ip.transport + 12] >> 4) * 4 : 8);
}

std::size_t place_for_mark(Bytes& frame, const std::optional<Ipv4>& ip) {
  if (ip && !quotes(*ip) && payload_of(frame, *ip) + kMark <= ip->end) {
    return ip->end - kMark;
  }
  if (frame.size() + kMark <= kLargest) {
    frame.resize(frame.size() + kMark);
  }
  return frame.size() - kMark;
}

std::uint32_t pseudo_sum(const Bytes& frame, const Ipv4& ip) {
  const std::size_t length = ip.end - ip.transport;
  return (sum_between(frame, ip.at + 12, ip.at + 20) + ip.proto +
          static_cast<std::uint32_t>(length)) %
         0xffff;
}

} // namespace

bool mark(Bytes& frame, std::uint32_t number) {
  const auto before = read(frame).ip;
  const bool valid = before && checksums_hold(frame, *before);
  for (auto old = frame.begin();
       (old = std::search(old, frame.end(), kMagic.begin(), kMagic.end())) != frame.end();) {
    *old = 0;
  }
  const std::size_t at = place_for_mark(frame, before);
  std::ranges::copy(kMagic, frame.begin() + static_cast<std::ptrdiff_t>(at));
  put_half(frame, at + 8, static_cast<std::uint16_t>(number >> 16));
  put_half(frame, at + 10, static_cast<std::uint16_t>(number));
  if (valid && before->is_fragment()) {
    seal_header(frame);
  } else if (valid) {
    seal(frame);
  }
  const auto after = read(frame).ip;
  return !after || at >= after->end ||
         (at >= payload_of(frame, *after) && at + kMark <= after->end && !quotes(*after));
}

std::optional<std::uint32_t> mark_of(const Bytes& frame) {
  const auto found = std::find_end(frame.begin(), frame.end(), kMagic.begin(), kMagic.end());
  const auto at = static_cast<std::size_t>(found - frame.begin());
  if (at + kMark > frame.size()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(half_at(frame, at + 8)) << 16 | half_at(frame, at + 10);
}

bool make_partial(Bytes& frame) {
  const auto ip = read(frame).ip;
  if (!ip || (ip->proto != kTcp && ip->proto != kUdp) || ip->is_fragment() || !ip->sum ||
      !checksums_hold(frame, *ip) || half_at(frame, *ip->sum) == 0 || ip->end != frame.size() ||
      (ip->proto == kUdp && half_at(frame, ip->transport + 4) != ip->end - ip->transport)) {
    return false;
  }
  put_half(frame, *ip->sum, static_cast<std::uint16_t>(pseudo_sum(frame, *ip)));
  return true;
}

Sums sums_of(const Bytes& frame, const Ipv4& ip, bool partial) {
  Sums out;
  out.header = header_sum(frame, ip) == 0;
  if (!ip.sum || ip.is_fragment()) {
    return out;
  }
  if (partial && ip.proto != kIcmp) {
    out.transport = half_at(frame, *ip.sum) % 0xffff == pseudo_sum(frame, ip);
  } else {
    const bool absent = ip.proto == kUdp && half_at(frame, *ip.sum) == 0;
    out.transport = absent || transport_sum(frame, ip) == 0;
  }
  return out;
}

bool is_copy(const Caught& caught, const Shot& shot) {
  if (caught.bytes == shot.bytes) {
    return true;
  }
  const auto ip = read(caught.bytes).ip;
  if (!ip) {
    return true;
  }
  const auto& sent = shot.reading.ip;
  if (!sent || sent->proto != kIcmp) {
    return !quotes(*ip);
  }
  // The reply to an echo has its payload, that of all fragments, and may be cut itself.
  const bool swapped = ip->src == sent->dst && ip->dst == sent->src && sent->src != sent->dst;
  return sent->later_fragment || ip->later_fragment ? !swapped : ip->icmp_type == sent->icmp_type;
}

} // namespace ebpfnet::packet
