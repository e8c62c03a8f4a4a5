// The part of the generator that goes on from what programs let through.
#include "tests/fuzz_packet/generator.hpp"
#include "tests/fuzz_packet/mutation.hpp"

namespace ebpfnet::packet {
namespace {

std::uint8_t tcp_answer(std::uint8_t flags, Random& random) {
  if (random.one_in(8)) {
    return random.of<std::uint8_t>({kFin | kAck, kRst, kRst | kAck, kAck, kSyn, kSyn | kAck});
  }
  if ((flags & kFin) != 0) {
    return kFin | kAck;
  }
  return (flags & (kSyn | kAck)) == kSyn ? kSyn | kAck : kAck;
}

} // namespace

// Both ends swapped, as the receiver would answer.
Bytes Generator::answer_of(const Bytes& bytes, const Ipv4& ip) {
  Bytes out = bytes;
  put_mac(out, 0, mac_at(bytes, 6));
  put_mac(out, 6, mac_at(bytes, 0));
  put_address(out, ip.at + 12, ip.dst);
  put_address(out, ip.at + 16, ip.src);
  out[ip.at + 8] = 64;
  if (ip.ports && ip.proto != kIcmp) {
    put_half(out, ip.transport, ip.ports->destination);
    put_half(out, ip.transport + 2, ip.ports->source);
  }
  if (ip.proto == kTcp && ip.ports) {
    out[ip.transport + 13] = tcp_answer(ip.tcp_flags, random_);
  }
  if (ip.proto == kIcmp && ip.ports && random_.below(8) != 0) {
    out[ip.transport] = ip.icmp_type == 8 ? 0 : 8;
  }
  seal(out);
  return out;
}

Sample Generator::answer() {
  const Delivered& heard = random_.of(delivered_);
  const auto packet = read(heard.bytes).ip;
  Bytes bytes = answer_of(heard.bytes, *packet);
  if (heard.slot == 0) {
    put_mac(bytes, 0, scene_.world().uplink_mac());
    put_mac(bytes, 6, scene_.world().router_mac());
    return {Hook::from_uplink, 0, 0, 0, std::move(bytes)};
  }
  const Party& from = *scene_.party(heard.slot);
  if (const Party* near = scene_.owner(from.network, packet->src); near != nullptr) {
    put_mac(bytes, 0, random_.one_in(4) ? from.gateway_mac : near->mac);
  }
  return sent_by(from.slot, std::move(bytes));
}

// What passed once, with other flags or unchanged.
Sample Generator::again() {
  Sample out = random_.of(sent_);
  const auto packet = read(out.bytes).ip;
  if (packet && packet->proto == kTcp && packet->ports && random_.below(3) != 0) {
    out.bytes[packet->transport + 13] =
        random_.of<std::uint8_t>({kSyn, kAck, kAck, kFin | kAck, kRst, kSyn | kAck});
    seal(out.bytes);
  }
  return out;
}

// An ICMP error about a frame that arrived, from its receiver or from a router on the way.
Sample Generator::error() {
  const Delivered& heard = random_.of(delivered_);
  const auto packet = read(heard.bytes).ip;
  const std::size_t quoted =
      random_.one_in(3) ? 28 : random_.below(std::min<std::size_t>(packet->length(), 120) + 1);
  Frame frame;
  frame.proto = kIcmp;
  frame.icmp_type = random_.of<std::uint8_t>({3, 3, 11, 12, 5});
  frame.icmp_code = random_.of<std::uint8_t>({0, 1, 3, 4});
  frame.icmp_rest = random_.one_in(2) ? 1400 : 0;
  frame.id = random_.half();
  frame.ttl = random_.one_in(8) ? 1 : 64;
  frame.src = packet->dst;
  frame.dst = random_.one_in(10) ? address() : packet->src;
  const auto begin = heard.bytes.begin() + static_cast<std::ptrdiff_t>(packet->at);
  frame.payload.assign(begin, begin + static_cast<std::ptrdiff_t>(quoted));
  if (heard.slot == 0) {
    frame.src = random_.one_in(2) ? frame.src : ip("192.0.2.1");
    frame.eth_dst = scene_.world().uplink_mac();
    frame.eth_src = scene_.world().router_mac();
    return {Hook::from_uplink, 0, 0, 0, frame.bytes()};
  }
  // From another of the sandbox's networks, now and then.
  const Party* from = scene_.party(heard.slot);
  if (random_.one_in(4)) {
    for (const Party& other : scene_.parties()) {
      from = other.sandbox == from->sandbox ? &other : from;
    }
    frame.src = from->ip;
  }
  frame.eth_src = from->mac;
  frame.eth_dst = from->gateway_mac;
  if (const Party* near = scene_.owner(from->network, packet->src); near != nullptr) {
    frame.eth_dst = random_.one_in(4) ? from->gateway_mac : near->mac;
  }
  return sent_by(from->slot, frame.bytes());
}

// Puts two fragments of the sample into the queue, in either order; where it cannot be cut, itself.
void Generator::cut_in_two(const Sample& whole) {
  const auto packet = read(whole.bytes).ip;
  constexpr std::size_t kFirst = 24; // bytes of the transport part; holds a TCP header
  if (!packet || packet->is_fragment() || packet->end < packet->transport + kFirst + 1) {
    queue_.push_back(whole);
    return;
  }
  const auto at = [&](std::size_t offset) {
    return whole.bytes.begin() + static_cast<std::ptrdiff_t>(offset);
  };
  Sample first = whole;
  Sample second = whole;
  first.bytes.resize(packet->transport + kFirst);
  put_half(first.bytes, packet->at + 6, kMoreFragments);
  second.bytes.assign(at(0), at(packet->transport));
  second.bytes.insert(second.bytes.end(), at(packet->transport + kFirst), at(packet->end));
  put_half(second.bytes, packet->at + 6, kFirst / 8);
  for (Sample* part : {&first, &second}) {
    put_half(part->bytes, packet->at + 2,
             static_cast<std::uint16_t>(part->bytes.size() - packet->at));
    seal_header(part->bytes);
  }
  const bool in_order = random_.below(4) != 0;
  queue_.push_back(in_order ? first : second);
  queue_.push_back(in_order ? second : first);
}

} // namespace ebpfnet::packet
