// IPv6 through the stages: neighbours and their discovery, the way out and back, published ports,
// errors. What does not depend on the family is tested once, with IPv4.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("2001:db8:f::7");
const IpAddress kClient = ip("2001:db8:c::9");
const IpAddress kRouter = ip("2001:db8::1");
const IpAddress kAllNodes = ip("ff02::1");

// The link-local address that is made of a MAC address (RFC 4291, appendix A).
IpAddress link_local(const Mac& mac) {
  const auto& m = mac.bytes();
  return ip(fmt::format("fe80::{:x}:{:x}:{:x}:{:x}", (m[0] ^ 2) << 8 | m[1], m[2] << 8 | 0xff,
                        0xfe00 | m[3], m[4] << 8 | m[5]));
}

IpAddress solicited_node(const IpAddress& address) {
  const auto& b = address.bytes();
  return ip(fmt::format("ff02::1:ff{:02x}:{:x}", b[13], b[14] << 8 | b[15]));
}

Mac group_mac(const IpAddress& group) {
  const auto& b = group.bytes();
  return Mac::from_bytes({0x33, 0x33, b[12], b[13], b[14], b[15]});
}

class Ipv6 : public PacketTest {
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

TEST_F(Ipv6, NeighboursReachEachOtherUnchanged) {
  for (const Frame& kind : {tcp(kSyn), udp(), echo6(7), echo6_reply(7)}) {
    expect_delivered(kCatWeb, neighbour(kCatWeb, kCatDb, kind).bytes());
  }
  Frame local = neighbour(kCatWeb, kCatDb, udp());
  local.src = link_local(world().at(kCatWeb).mac);
  local.dst = world().at(kCatDb).ip6;
  expect_delivered(kCatWeb, local.bytes());
  EXPECT_EQ(world().packets(kCat, EBN_PATH_LOCAL), 5U);
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(Ipv6, IsRefusedOnANetworkWithoutIt) {
  world().set_network_flags(kCat, EBN_NET_IN_USE | EBN_NET_MASQUERADE);
  expect_drop(kCatWeb, neighbour(kCatWeb, kCatDb, udp()).bytes(), EBN_DROP_IPV6_DISABLED);
}

TEST_F(Ipv6, ForeignSourcesAreSpoofed) {
  Frame sent = neighbour(kCatWeb, kCatDb, udp());
  for (const IpAddress& source : {world().at(kCatDb).ip6, world().at(kDogWeb).ip6, kServer,
                                  link_local(world().at(kCatDb).mac), ip("::"), ip("::1")}) {
    sent.src = source;
    expect_drop(kCatWeb, sent.bytes(), EBN_DROP_SPOOFED_IP);
  }
  world().set_endpoint_flags(kCatWeb, EBN_EP_SPOOF_OK);
  sent.src = kServer;
  expect_delivered(kCatWeb, sent.bytes());
}

TEST_F(Ipv6, MappedAddressesAndBrokenHeadersAreMalformed) {
  Bytes bytes = neighbour(kCatWeb, kCatDb, udp()).bytes();
  const Bytes whole = bytes;
  std::fill_n(bytes.begin() + 14 + 8, 10, 0);
  std::fill_n(bytes.begin() + 14 + 18, 2, 0xff); // ::ffff:...
  expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
  bytes = whole;
  bytes[14] = 0x50;
  expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
  bytes = whole;
  bytes[14 + 5] = 200; // longer than the frame
  expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
  Frame endless = neighbour(kCatWeb, kCatDb, udp());
  endless.first_extension = 60;
  for (int i = 0; i < 9; ++i) {
    const Bytes header = {60, 0, 1, 4, 0, 0, 0, 0};
    endless.extensions.insert(endless.extensions.end(), header.begin(), header.end());
  }
  expect_drop(kCatWeb, endless.bytes(), EBN_DROP_MALFORMED);
}

TEST_F(Ipv6, SolicitationsAreAnsweredFromTheTable) {
  const Endpoint& db = world().at(kCatDb);
  const Endpoint& web = world().at(kCatWeb);
  expect_answer(kCatWeb, solicitation(kCatWeb, db.ip6), db.ip6, db.mac, false);
  expect_answer(kCatWeb, solicitation(kCatWeb, web.gateway6), web.gateway6, web.gateway_mac, true);
  Frame bare = solicitation(kCatWeb, db.ip6); // without the option, as probes are
  bare.payload.resize(16);
  expect_answer(kCatWeb, bare, db.ip6, db.mac, false);
  Frame local = solicitation(kCatWeb, db.ip6);
  local.src = link_local(web.mac);
  expect_answer(kCatWeb, local, db.ip6, db.mac, false);
}

TEST_F(Ipv6, NobodyAnswersForTheAskerOrForAnotherNetwork) {
  expect_bridged(kCatWeb, solicitation(kCatWeb, world().at(kCatWeb).ip6).bytes());
  expect_bridged(kCatWeb, solicitation(kCatWeb, world().at(kDogWeb).ip6).bytes());
  Frame detection = solicitation(kCatWeb, world().at(kCatDb).ip6); // of duplicates
  detection.src = ip("::");
  detection.payload.resize(16);
  expect_bridged(kCatWeb, detection.bytes());
}

TEST_F(Ipv6, FalseNeighbourDiscoveryIsRefused) {
  const Endpoint& db = world().at(kCatDb);
  const Endpoint& web = world().at(kCatWeb);
  expect_bridged(kCatWeb, discovery(kCatWeb, 136, web.ip6, web.mac, kAllNodes).bytes());
  expect_drop(kCatWeb, discovery(kCatWeb, 136, db.ip6, web.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 136, web.ip6, db.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 136, web.gateway6, web.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 135, db.ip6, db.mac, solicited_node(db.ip6)).bytes(),
              EBN_DROP_SPOOFED_ND);
  for (const std::uint8_t type : {134, 137}) {
    Frame router = discovery(kCatWeb, type, web.ip6, web.mac, kAllNodes);
    router.src = link_local(web.mac);
    expect_drop(kCatWeb, router.bytes(), EBN_DROP_ROUTER_ADVERTISEMENT);
  }
  Frame far = solicitation(kCatWeb, db.ip6);
  far.ttl = 254;
  expect_drop(kCatWeb, far.bytes(), EBN_DROP_MALFORMED);
  world().set_endpoint_flags(kCatWeb, EBN_EP_SPOOF_OK);
  expect_bridged(kCatWeb, discovery(kCatWeb, 136, db.ip6, web.mac, kAllNodes).bytes());
}

TEST_F(Ipv6, GroupsAndSolicitationsOfRoutersGoToTheBridge) {
  Frame group = neighbour(kCatWeb, kCatDb, udp());
  group.dst = ip("ff02::fb");
  group.eth_dst = group_mac(group.dst);
  expect_bridged(kCatWeb, group.bytes());
  Frame ask = discovery(kCatWeb, 133, ip("::"), world().at(kCatWeb).mac, ip("ff02::2"));
  expect_bridged(kCatWeb, ask.bytes());
  Frame report = group; // of listeners, before there is an address
  report.src = ip("::");
  report.proto = kIcmp6;
  report.icmp_type = 143;
  report.dst = ip("ff02::16");
  report.eth_dst = group_mac(report.dst);
  expect_bridged(kCatWeb, report.bytes());
}

TEST_F(Ipv6, NetworksDoNotReachEachOther) {
  expect_drop(kCatWeb, routed(kCatWeb, world().at(kDogWeb).ip6, udp()).bytes(), EBN_DROP_ISOLATED);
  expect_drop(kInternalA, routed(kInternalA, kServer, udp()).bytes(), EBN_DROP_INTERNAL);
  expect_drop(kNoIccA, neighbour(kNoIccA, kNoIccB, udp()).bytes(), EBN_DROP_NO_ICC);
  for (const char* martian : {"::1", "::", "fe80::1:2", "ff05::1"}) {
    expect_drop(kCatWeb, routed(kCatWeb, ip(martian), udp()).bytes(), EBN_DROP_MARTIAN);
  }
}

TEST_F(Ipv6, TheGatewayIsTheHostsToAnswer) {
  expect_bridged(kCatWeb, routed(kCatWeb, world().at(kCatWeb).gateway6, echo6(3)).bytes());
  expect_bridged(kCatWeb, routed(kCatWeb, world().host6(), tcp(kSyn)).bytes());
}

TEST_F(Ipv6, IsMasqueradedAndItsRepliesComeBack) {
  const std::pair<Frame, Frame> kinds[] = {
      {udp(), udp()}, {tcp(kSyn), tcp(kSyn | kAck)}, {echo6(77), echo6_reply(77)}};
  for (auto [kind, reply] : kinds) {
    const Frame sent = routed(kCatWeb, kServer, kind);
    const Frame left = masquerade(kCatWeb, sent);
    reply.icmp_rest = left.icmp_rest;
    expect_reply(sent, left, reply);
  }
  EXPECT_EQ(flows(world()).size(), 3U);
}

TEST_F(Ipv6, ExtensionHeadersAreStepped) {
  Frame sent = routed(kCatWeb, kServer, udp());
  sent.first_extension = 0;
  sent.extensions = {
      60, 0, 1, 4, 0, 0, 0, 0, kUdp, 1, 1, 12,
      0,  0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0}; // hop-by-hop options, destination options
  const Frame left = masquerade(kCatWeb, sent);
  expect_reply(sent, left, udp());
}

TEST_F(Ipv6, FragmentsThatComeInOrderAreTranslatedAlike) {
  Frame first = routed(kCatWeb, kServer, udp());
  first.first_extension = 44;
  first.extensions = {kUdp, 0, 0, 1, 0xab, 0xcd, 0x12, 0x34}; // more to come
  first.payload.assign(8, 'x');
  const Frame left = masquerade(kCatWeb, first);
  // A later one: no ports, only its header changes.
  Frame later = first;
  later.proto = 253; // the bytes of `payload` as they are
  later.extensions = {kUdp, 0, 0, 16, 0xab, 0xcd, 0x12, 0x34};
  Frame expected = later;
  expected.src = world().host6();
  expected.ttl = 63;
  const Outcome out = world().from_container(kCatWeb, later.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
  later.extensions[7] = 0x35; // of another datagram
  expect_drop(kCatWeb, later.bytes(), EBN_DROP_FRAGMENT_UNKNOWN);
  EXPECT_EQ(left.src, world().host6());
}

TEST_F(Ipv6, APublishedPortServesAClient) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame syn = outside(kClient, tcp(kSyn));
  Frame served = routed_into(world(), kCatWeb, syn);
  served.dst = world().at(kCatWeb).ip6;
  served.dport = 5000;
  Outcome out = world().from_uplink(syn.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, served.bytes());

  Frame reply = routed(kCatWeb, kClient, tcp(kSyn | kAck));
  reply.sport = 5000;
  reply.dport = syn.sport;
  Frame seen = reply;
  seen.src = world().host6();
  seen.sport = 8000;
  seen.ttl = 63;
  out = world().from_container(kCatWeb, reply.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, seen.bytes());
  EXPECT_EQ(world().from_uplink(outside(kClient, tcp(kAck)).bytes()).action, kRedirect);
  EXPECT_EQ(flows(world()).size(), 1U);
}

TEST_F(Ipv6, APublishedPortServesTheOtherNetworkAndItself) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  world().set_endpoint_flags(kCatWeb, EBN_EP_NAT_LOCAL);
  Frame request = routed(kDogWeb, world().host6(), udp());
  request.dport = 8000;
  Frame served = routed_into(world(), kCatWeb, request);
  served.dst = world().at(kCatWeb).ip6;
  served.dport = 5000;
  Outcome out = world().from_container(kDogWeb, request.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, served.bytes());

  request = routed(kCatWeb, world().host6(), udp());
  request.dport = 8000;
  served = routed_into(world(), kCatWeb, request);
  served.src = world().at(kCatWeb).gateway6;
  served.dst = world().at(kCatWeb).ip6;
  served.dport = 5000;
  out = world().from_container(kCatWeb, request.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, served.bytes());
}

TEST_F(Ipv6, StrangersGetAReset) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame stray = outside(kClient, tcp(kAck));
  Frame reset = answer_to(stray, tcp(kRst));
  reset.seq = stray.ack;
  reset.ack = 0;
  const Outcome out = world().from_uplink(stray.bytes());
  EXPECT_EQ(out.action, kRedirect);
  Bytes expected = reset.bytes();
  expected[14 + 40 + 14] = expected[14 + 40 + 15] = 0; // window
  Bytes got = out.bytes;
  got[14 + 40 + 16] = got[14 + 40 + 17] = expected[14 + 40 + 16] = expected[14 + 40 + 17] = 0;
  EXPECT_EQ(got, expected);
  // The checksum: over a segment that holds it, the sum is zero.
  const Frame addresses = reset;
  Bytes segment(out.bytes.begin() + 14 + 40, out.bytes.end());
  for (const IpAddress& address : {addresses.src, addresses.dst}) {
    segment.insert(segment.end(), address.bytes().begin(), address.bytes().end());
  }
  EXPECT_EQ(checksum(segment, kTcp + 20), 0);
}

TEST_F(Ipv6, ErrorsReachTheSenderOfAMasqueradedPacket) {
  for (const Frame& kind : {udp(), tcp(kSyn), echo6(9)}) {
    Frame inside = routed(kCatWeb, kServer, kind);
    const Frame left = masquerade(kCatWeb, inside);
    inside.ttl = left.ttl;
    for (const std::uint8_t type : {1, 2, 3, 4}) {
      for (const std::size_t kept : {48U, 60U, 200U}) {
        Frame error = icmp_error(type, 0, left, kept);
        error.icmp_rest = type == 2 ? 1280 : 0;
        error = outside(kRouter, error);
        Frame expected = routed_into(world(), kCatWeb, error);
        expected.dst = world().at(kCatWeb).ip6;
        expected.payload = inside.ip_packet();
        expected.payload.resize(std::min(kept, expected.payload.size()));
        const Outcome out = world().from_uplink(error.bytes());
        EXPECT_EQ(out.action, kRedirect);
        EXPECT_EQ(out.bytes, expected.bytes()) << "type " << int(type) << " kept " << kept;
      }
    }
  }
}

TEST_F(Ipv6, AnErrorOfTheServerShowsTheClientWhatItSent) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame request = outside(kClient, udp());
  const Outcome served = world().from_uplink(request.bytes());
  ASSERT_EQ(served.action, kRedirect);
  Frame inside = routed_into(world(), kCatWeb, request);
  inside.dst = world().at(kCatWeb).ip6;
  inside.dport = 5000;
  Frame error = routed(kCatWeb, kClient, icmp_error(1, 4, inside, 200));
  Frame expected = error;
  expected.src = world().host6();
  expected.ttl = 63;
  Frame quoted = request;
  quoted.ttl = inside.ttl;
  expected.payload = quoted.ip_packet();
  const Outcome out = world().from_container(kCatWeb, error.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(Ipv6, TheLastHopIsAnsweredForTheHost) {
  Frame sent = routed(kCatWeb, kServer, udp());
  sent.ttl = 1;
  Frame expected = icmp_error(3, 0, sent, 128);
  expected.eth_dst = world().at(kCatWeb).mac;
  expected.eth_src = world().at(kCatWeb).gateway_mac;
  expected.src = world().at(kCatWeb).gateway6;
  expected.dst = world().at(kCatWeb).ip6;
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
  EXPECT_EQ(world().drops(kCat, EBN_DROP_HOP_LIMIT), 1U);
}

TEST_F(Ipv6, APacketTooBigForTheWayOutIsAnsweredWithItsMtu) {
  Frame sent = routed(kCatWeb, kServer, udp());
  sent.payload.assign(1600, 'x');
  Frame expected = icmp_error(2, 0, sent, 128);
  expected.icmp_rest = 1500;
  expected.eth_dst = world().at(kCatWeb).mac;
  expected.eth_src = world().at(kCatWeb).gateway_mac;
  expected.src = world().at(kCatWeb).gateway6;
  expected.dst = world().at(kCatWeb).ip6;
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
  EXPECT_EQ(world().drops(kCat, EBN_DROP_TOO_BIG), 1U);
}

TEST_F(Ipv6, ForeignTrafficOnTheUplinkPasses) {
  expect_untouched(outside(kClient, tcp(kSyn)).bytes());
  expect_untouched(outside(kClient, echo6(4)).bytes());
  Frame broken = outside(kClient, udp());
  broken.first_extension = 60;
  broken.extensions = {60, 200, 0, 0, 0, 0, 0, 0};
  expect_untouched(broken.bytes());
}

TEST_F(Ipv6, ASumOverTheWholePacketStaysRight) {
  world().set_checksum_complete(true);
  Outcome probe;
  try {
    probe = world().from_container(kCatWeb, neighbour(kCatWeb, kCatDb, udp()).bytes());
  } catch (const std::runtime_error&) {
    world().set_checksum_complete(false);
    GTEST_SKIP() << "needs Linux 6.16 or a stable release";
  }
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  for (const Frame& kind : {udp(), tcp(kSyn), echo6(12)}) {
    const Frame left = masquerade(kCatWeb, routed(kCatWeb, kServer, kind));
    const Frame error = outside(kRouter, icmp_error(3, 0, left, 100));
    EXPECT_EQ(world().from_uplink(error.bytes()).action, kRedirect);
  }
  EXPECT_EQ(world().from_uplink(outside(kClient, tcp(kSyn)).bytes()).action, kRedirect);
  world().set_checksum_complete(false);
}

} // namespace
} // namespace ebpfnet::packet
