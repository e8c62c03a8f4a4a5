// IPv6 in a World: networks with it, and frames between its parties.
#pragma once

#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {

inline const IpAddress kServer = ip("2001:db8:f::7");
inline const IpAddress kClient = ip("2001:db8:c::9");
inline const IpAddress kRouter = ip("2001:db8::1");
inline const IpAddress kAllNodes = ip("ff02::1");

// The link-local address that is made of a MAC address (RFC 4291, appendix A).
inline IpAddress link_local(const Mac& mac) {
  const auto& m = mac.bytes();
  return ip(fmt::format("fe80::{:x}:{:x}:{:x}:{:x}", (m[0] ^ 2) << 8 | m[1], m[2] << 8 | 0xff,
                        0xfe00 | m[3], m[4] << 8 | m[5]));
}

inline IpAddress solicited_node(const IpAddress& address) {
  const auto& b = address.bytes();
  return ip(fmt::format("ff02::1:ff{:02x}:{:x}", b[13], b[14] << 8 | b[15]));
}

inline Mac group_mac(const IpAddress& group) {
  const auto& b = group.bytes();
  return Mac::from_bytes({0x33, 0x33, b[12], b[13], b[14], b[15]});
}

class Ipv6World : public PacketTest {
protected:
  void SetUp() override {
    PacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    world().set_checksum_complete(false);
    for (const std::uint32_t network : {kCat, kDog, kTwin}) {
      world().set_network_flags(network, EBN_NET_IN_USE | EBN_NET_MASQUERADE | EBN_NET_IPV6);
    }
    world().set_network_flags(kInternal, EBN_NET_IN_USE | EBN_NET_INTERNAL | EBN_NET_IPV6);
    world().set_network_flags(kNoIcc, EBN_NET_IN_USE | EBN_NET_NO_ICC | EBN_NET_IPV6);
  }

  Frame neighbour(std::uint32_t from, std::uint32_t to, Frame frame) {
    frame = to_neighbour(world(), from, to, frame);
    frame.src = world().at(from).ip6;
    frame.dst = world().at(to).ip6;
    return frame;
  }
  Frame routed(std::uint32_t from, const IpAddress& to, Frame frame) {
    frame = to_gateway(world(), from, to, frame);
    frame.src = world().at(from).ip6;
    return frame;
  }
  Frame outside(const IpAddress& from, Frame frame) {
    frame = from_outside(world(), from, frame);
    frame.dst = world().host6();
    return frame;
  }
  // A neighbour discovery message: `target`, and the MAC address that it tells as an option.
  Frame discovery(std::uint32_t from, std::uint8_t type, const IpAddress& target, const Mac& told,
                  const IpAddress& to) {
    Frame out;
    out.eth_src = world().at(from).mac;
    out.eth_dst = group_mac(to);
    out.src = world().at(from).ip6;
    out.dst = to;
    out.proto = kIcmp6;
    out.ttl = 255;
    out.icmp_type = type;
    out.payload.assign(target.bytes().begin(), target.bytes().end());
    out.payload.push_back(type == 135 ? 1 : 2);
    out.payload.push_back(1);
    out.payload.insert(out.payload.end(), told.bytes().begin(), told.bytes().end());
    return out;
  }
  Frame solicitation(std::uint32_t from, const IpAddress& target) {
    return discovery(from, 135, target, world().at(from).mac, solicited_node(target));
  }
  void expect_answer(std::uint32_t from, const Frame& sent, const IpAddress& target, const Mac& mac,
                     bool router) {
    Frame expected = discovery(from, 136, target, mac, sent.src);
    expected.eth_src = mac;
    expected.eth_dst = sent.eth_src;
    expected.src = target;
    expected.icmp_rest = router ? 0xe0000000 : 0x60000000;
    const Outcome out = world().from_container(from, sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }

  void expect_delivered(std::uint32_t slot, const Bytes& bytes) {
    const Outcome out = world().from_container(slot, bytes);
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, bytes);
  }
  void expect_bridged(std::uint32_t slot, const Bytes& bytes) {
    const Outcome out = world().from_container(slot, bytes);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, bytes);
  }
  void expect_drop(std::uint32_t slot, const Bytes& bytes, ebn_drop_reason reason) {
    const std::uint32_t network = world().at(slot).network;
    const std::uint64_t before = world().drops(network, reason);
    EXPECT_EQ(world().from_container(slot, bytes).action, kShot);
    EXPECT_EQ(world().drops(network, reason), before + 1);
  }
  void expect_untouched(const Bytes& bytes) {
    const Outcome out = world().from_uplink(bytes);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, bytes);
  }

  // The gateway tells the sender of kCatWeb an error about `sent`.
  void expect_error(const Frame& sent, std::uint8_t type, std::uint32_t rest) {
    Frame expected = icmp_error(type, 0, sent, 128);
    expected.icmp_rest = rest;
    expected.eth_dst = world().at(kCatWeb).mac;
    expected.eth_src = world().at(kCatWeb).gateway_mac;
    expected.src = world().at(kCatWeb).gateway6;
    expected.dst = world().at(kCatWeb).ip6;
    const Outcome out = world().from_container(kCatWeb, sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }

  // Sends masqueraded, expects nothing else to change; gives what is outside.
  Frame masquerade(std::uint32_t slot, const Frame& sent) {
    const Outcome out = world().from_container(slot, sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    Frame expected = sent;
    expected.src = world().host6();
    expected.ttl = static_cast<std::uint8_t>(sent.ttl - 1);
    const std::size_t at = 14 + 40 + sent.extensions.size();
    std::uint16_t port = 0;
    if (sent.proto == kIcmp6) {
      port = port_at(out.bytes, at + 4);
      expected.icmp_rest = static_cast<std::uint32_t>(port) << 16 | (sent.icmp_rest & 0xffff);
    } else {
      port = expected.sport = port_at(out.bytes, at);
    }
    EXPECT_GE(port, world().config().masq_first);
    EXPECT_EQ(out.bytes, expected.bytes());
    return expected;
  }
  void expect_reply(const Frame& sent, const Frame& left, Frame reply) {
    reply = answer_to(left, reply);
    reply.eth_dst = world().uplink_mac();
    reply.eth_src = world().router_mac();
    Frame expected = routed_into(world(), kCatWeb, reply);
    expected.dst = sent.src;
    expected.dport = sent.sport;
    if (sent.proto == kIcmp6) {
      expected.icmp_rest = sent.icmp_rest;
    }
    const Outcome out = world().from_uplink(reply.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
};

} // namespace ebpfnet::packet
