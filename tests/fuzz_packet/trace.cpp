#include "tests/fuzz_packet/trace.hpp"

#include <algorithm>

#include "tests/fuzz_packet/mutation.hpp"

namespace ebpfnet::packet {
namespace {

const Mac kStranger = Mac::from_bytes({2, 0, 0, 0, 0, 0x77}); // nobody sends from it
const Mac kForeign = Mac::from_bytes({2, 0, 0, 0, 0, 0x99});  // nobody is sent to it
const Mac kMulticast = Mac::from_bytes({1, 0, 0x5e, 0, 0, 0xfb});

} // namespace

Step Trace::next() {
  while (true) {
    Step out;
    if (!queue_.empty()) {
      out = std::move(queue_.front());
      queue_.pop_front();
      return out;
    }
    out = fresh();
    if (queue_.empty() && random_.one_in(6)) {
      spoil(out.bytes, random_);
      out.what += ", spoilt";
    }
    if (is_fit(out)) {
      return out;
    }
    queue_.clear();
  }
}

Step Trace::fresh() {
  switch (random_.below(16)) {
  case 0:
  case 1:
    return addressed_otherwise();
  case 2:
  case 3:
    return to_gateway();
  case 4:
  case 5:
    return fragments();
  case 6:
  case 7:
    return connection();
  case 8:
  case 9:
    return arp();
  case 10:
    return other_ethertype();
  case 11:
    return foreign_source();
  default:
    return plain_packet();
  }
}

Trace::Pair Trace::pair() {
  const std::size_t from = random_.below(kMembers);
  const std::size_t to = (from + random_.between(1, kMembers - 1)) % kMembers;
  return {from, cast_.members[from], cast_.members[to], cast_.members[kMembers - from - to]};
}

Frame Trace::packet() {
  Frame out;
  switch (random_.below(8)) {
  case 0:
  case 1:
  case 2:
    out = tcp(random_.of<std::uint8_t>(
        {kSyn, kSyn | kAck, kAck, kFin | kAck, kRst, kRst | kAck, 0, 0x3f}));
    out.seq = random_.word();
    out.ack = random_.word();
    break;
  case 3:
  case 4:
    out = udp();
    out.without_checksum = random_.one_in(6);
    break;
  case 5:
  case 6:
    out = random_.one_in(4) ? echo_reply(random_.half()) : echo(random_.half());
    break;
  default:
    out.proto = random_.of<std::uint8_t>({0, 2, 4, 41, 47, 50, 51, 132, 136, 255});
    break;
  }
  out.payload = random_.bytes(random_.one_in(8) ? random_.between(1400, 1460) : random_.below(64));
  // SYNs to the open port are parts of connections only, which end what they begin.
  const bool may_open = out.proto == kTcp && (out.flags & (kSyn | kAck | kRst)) == kSyn;
  out.sport = random_.between(40000, 60000);
  out.dport = may_open || random_.one_in(2) ? 7 : kOpenPort;
  out.ttl = random_.one_in(4) ? random_.of<std::uint8_t>({0, 1, 2, 255}) : 64;
  out.id = random_.half();
  if (random_.one_in(6)) {
    out.options = random_.of<Bytes>({{1, 1, 1, 0},
                                     {0x94, 4, 0, 0},                  // router alert
                                     {7, 7, 4, 0, 0, 0, 0, 0},         // record route
                                     {0x82, 3, 0, 0},                  // of a wrong length
                                     {0x83, 7, 4, 172, 18, 0, 4, 0}}); // loose source route
  }
  if (random_.one_in(8)) {
    out.fragment = random_.of<std::uint16_t>({0, 0x8000});
  }
  return out;
}

Frame Trace::between(const Pair& pair, Frame frame) const {
  frame.eth_src = pair.self.mac;
  frame.eth_dst = pair.to.mac;
  frame.src = pair.self.ip;
  frame.dst = pair.to.ip;
  return frame;
}

Step Trace::plain_packet() {
  const Pair who = pair();
  Step out{"a packet", who.from, between(who, packet()).bytes()};
  if (random_.one_in(6)) {
    const auto ip = read_ipv4(out.bytes, 14);
    const bool header = random_.one_in(2) || !ip->sum;
    const std::size_t at = header ? 24 : *ip->sum;
    put_half(out.bytes, at, static_cast<std::uint16_t>(half_at(out.bytes, at) ^ 0x0110));
    out.what = header ? "a wrong header checksum" : "a wrong transport checksum";
  } else if (random_.one_in(6)) {
    out.bytes.resize(random_.between(15, 34));
    out.what = "a runt";
  }
  return out;
}

// To a place that is not that of the address.
Step Trace::addressed_otherwise() {
  const Pair who = pair();
  Frame frame = between(who, packet());
  const char* what = "a packet for another's MAC address";
  switch (random_.below(7)) {
  case 0:
    frame.eth_dst = who.third.mac;
    break;
  case 1:
    frame.eth_dst = kStranger;
    what = "unknown unicast";
    break;
  case 2:
    frame.eth_dst = who.self.mac;
    what = "a packet for the own MAC address";
    break;
  case 3:
    frame.eth_dst = kMulticast;
    frame.dst = random_.of({ip("224.0.0.251"), ip("239.1.1.1"), who.to.ip});
    what = "multicast";
    break;
  case 4:
    frame.eth_src = who.self.mac;
    frame.eth_dst = broadcast();
    frame.src = ip("0.0.0.0");
    frame.dst = ip("255.255.255.255");
    frame.proto = kUdp;
    frame.sport = 68;
    frame.dport = 67;
    what = "a DHCP client's question";
    break;
  case 5:
    frame.dst = random_.of({ip("172.18.0.77"), ip("203.0.113.7"), who.self.ip, cast_.gateway.ip});
    what = "an address that is not of the MAC address";
    break;
  default:
    frame.eth_dst = broadcast();
    frame.dst = random_.of({ip("255.255.255.255"), ip("172.18.255.255"), who.to.ip});
    what = "broadcast";
    break;
  }
  return {what, who.from, frame.bytes()};
}

Step Trace::to_gateway() {
  const Pair who = pair();
  Frame frame = between(who, packet());
  frame.eth_dst = cast_.gateway.mac;
  const bool to_host = random_.one_in(2);
  frame.dst = to_host ? cast_.gateway.ip : random_.one_in(8) ? who.self.ip : who.to.ip;
  return {to_host ? "to the gateway" : "to a neighbour by way of the gateway", who.from,
          frame.bytes()};
}

// A datagram in two or three parts, in order or not.
Step Trace::fragments() {
  const Pair who = pair();
  Frame first = between(who, random_.one_in(2) ? echo(random_.half()) : udp());
  first.sport = 40000;
  first.dport = random_.one_in(2) ? kOpenPort : 7;
  first.id = next_id_++;
  first.payload = random_.bytes(random_.between(80, 200));
  if (random_.one_in(3)) {
    first.eth_dst = cast_.gateway.mac;
    first.dst = cast_.gateway.ip;
  }
  const Bytes whole = first.transport();
  const std::size_t cut = 8 * random_.between(2, 6);
  Bytes head = first.bytes();
  head.resize(34 + cut);
  put_half(head, 16, static_cast<std::uint16_t>(20 + cut));
  put_half(head, 20, kMoreFragments);
  seal_header(head);
  const Bytes tail =
      later_fragment(first, static_cast<std::uint16_t>(cut),
                     {whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end()});
  const bool in_order = random_.below(3) != 0;
  queue_.push_back({"the other fragment", who.from, in_order ? tail : head, false, !in_order});
  return {"a fragment", who.from, in_order ? head : tail};
}

// A connection, which a reset ends at once or after some data.
Step Trace::connection() {
  const Pair who = pair();
  Frame frame = between(who, tcp(kSyn));
  frame.sport = next_port_ = next_port_ == 39999 ? 20000 : next_port_ + 1;
  frame.dport = kOpenPort;
  frame.seq = random_.word();
  Step out{"SYN to an open port", who.from, frame.bytes()};
  ++frame.seq;
  if (random_.one_in(2)) {
    for (int segment = 0; segment < 2; ++segment) {
      frame.flags = kAck;
      frame.payload = random_.bytes(random_.between(1, 400));
      queue_.push_back({"data", who.from, frame.bytes(), true});
      frame.seq += static_cast<std::uint32_t>(frame.payload.size());
    }
  }
  frame.flags = kRst;
  frame.payload.clear();
  queue_.push_back({"RST", who.from, frame.bytes()});
  return out;
}

Step Trace::arp() {
  const Pair who = pair();
  Arp message{broadcast(), who.self.mac, 1, who.self.mac, who.self.ip, Mac(), who.to.ip};
  Step out{"ARP: who has a neighbour's address", who.from, {}};
  switch (random_.below(8)) {
  case 0:
    message.target = cast_.gateway.ip;
    out.what = "ARP: who has the gateway's address";
    break;
  case 1:
    message.eth_dst = who.to.mac;
    out.what = "ARP: a question to the neighbour alone";
    break;
  case 2:
    message.target = random_.of({ip("172.18.0.77"), who.self.ip, ip("203.0.113.7")});
    out.what = "ARP: who has an address of nobody";
    break;
  case 3:
    message.sender = ip("0.0.0.0");
    message.target = random_.one_in(2) ? who.self.ip : who.to.ip;
    out.what = "ARP: a probe";
    break;
  case 4:
    message.operation = 2;
    message.target = random_.one_in(2) ? who.self.ip : who.to.ip;
    message.eth_dst = random_.one_in(2) ? broadcast() : who.to.mac;
    out.what = "ARP: a reply that nobody asked for";
    break;
  case 5:
    (random_.one_in(2) ? message.sender : message.target) = who.third.ip;
    message.sender_mac = random_.one_in(2) ? who.third.mac : who.self.mac;
    message.operation = random_.one_in(2) ? 2 : 1;
    out.what = "ARP: a foreign claim";
    break;
  default:
    break;
  }
  out.bytes = message.bytes();
  if (random_.one_in(3)) {
    out.bytes.resize(60);
  }
  if (random_.one_in(10)) {
    out.bytes[random_.between(14, 19)] ^= 0x41;
    out.what = "ARP: not for IPv4 over Ethernet";
  }
  return out;
}

Step Trace::other_ethertype() {
  const Pair who = pair();
  const auto type =
      random_.of<std::uint16_t>({0x86dd, 0x8100, 0x88a8, 0x8847, 0x88cc, 0x0026, 0x0600, 0x9100});
  const Mac to = random_.of({who.to.mac, broadcast(), kStranger, kMulticast});
  Bytes body = random_.bytes(random_.between(46, 200));
  if (type == 0x8100) { // a tag before a packet
    const Bytes inner = between(who, packet()).ip_packet();
    body = {0, random_.byte(), 8, 0};
    body.insert(body.end(), inner.begin(), inner.end());
  }
  return {fmt::format("ethertype {:#06x}", type), who.from, ethernet(to, who.self.mac, type, body)};
}

Step Trace::foreign_source() {
  const Pair who = pair();
  Frame frame = between(who, packet());
  if (random_.one_in(2)) {
    frame.eth_src = random_.one_in(2) ? kForeign : who.third.mac;
    return {"a foreign MAC address", who.from, frame.bytes()};
  }
  frame.src = random_.of({who.third.ip, who.to.ip, cast_.gateway.ip, ip("203.0.113.7")});
  return {"a foreign address", who.from, frame.bytes()};
}

// Not what is answered with the time of day, and not what the host would send on to elsewhere.
bool Trace::is_fit(const Step& step) const {
  const Reading reading = read(step.bytes);
  constexpr std::size_t kTagged = 20; // with less a tagged frame reaches nobody
  if (step.bytes.size() > 1514 || (reading.is_tagged() && step.bytes.size() < kTagged)) {
    return false;
  }
  if (!reading.ip) {
    return true;
  }
  const Ipv4& ip = *reading.ip;
  const auto options = step.bytes.begin() + 34;
  const auto options_end = step.bytes.begin() + static_cast<std::ptrdiff_t>(ip.transport);
  if ((ip.proto == kIcmp && ip.icmp_type == 13) ||
      std::find(options, options_end, 0x44) != options_end) {
    return false;
  }
  return reading.dst != cast_.gateway.mac || ip.dst == cast_.gateway.ip ||
         cast_.owner(ip.dst) != nullptr;
}

} // namespace ebpfnet::packet
