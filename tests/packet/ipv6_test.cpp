// IPv6 through the stages: neighbours, the way out and back, published ports, errors. What does not
// depend on the family is tested once, with IPv4.
#include "tests/packet/ipv6.hpp"

namespace ebpfnet::packet {
namespace {

using Ipv6 = Ipv6World;

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
  expect_error(sent, 3, 0);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_HOP_LIMIT), 1U);
}

TEST_F(Ipv6, APacketTooBigForTheWayOutIsAnsweredWithItsMtu) {
  Frame sent = routed(kCatWeb, kServer, udp());
  sent.payload.assign(1600, 'x');
  expect_error(sent, 2, 1500);
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

TEST_F(Ipv6, APortOfAServerWithoutAnAddressOfTheFamilyIsTheHostsToAnswer) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  auto record = world().maps().endpoints.get(kCatWeb).value().value();
  record.addr6 = {};
  ASSERT_TRUE(succeeded(world().maps().endpoints.put(kCatWeb, record)));
  expect_untouched(outside(kClient, tcp(kSyn)).bytes());
  Frame request = routed(kDogWeb, world().host6(), tcp(kSyn));
  request.dport = 8000;
  expect_bridged(kDogWeb, request.bytes());
}

} // namespace
} // namespace ebpfnet::packet
