// Fragmented datagrams through NAT: later fragments carry no ports and follow their first one.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");

class Fragments : public PacketTest {
protected:
  // The first part of a datagram of 24 bytes of payload; its UDP header tells of the whole.
  Bytes first_part(const Frame& whole) {
    Frame first = whole;
    first.fragment = kMoreFragments;
    Bytes bytes = first.bytes();
    const Bytes part = later_fragment(whole, 0, Bytes(bytes.begin() + 34, bytes.begin() + 50));
    Bytes out = part;
    Frame header = first;
    header.payload.resize(8);
    const Bytes ip_header = header.bytes();
    std::copy(ip_header.begin() + 14, ip_header.begin() + 34, out.begin() + 14);
    return out;
  }
  Bytes later_part(const Frame& whole) {
    const Bytes bytes = whole.bytes();
    return later_fragment(whole, 16, Bytes(bytes.begin() + 50, bytes.end()));
  }
  Frame datagram(Frame frame) {
    frame.fragment = 0;
    frame.payload.assign(24, 'x');
    return frame;
  }
};

TEST_F(Fragments, OfAMasqueradedDatagramLeaveAlike) {
  const Frame sent = datagram(to_gateway(world(), kCatWeb, kServer, udp()));
  const Outcome first = world().from_container(kCatWeb, first_part(sent));
  ASSERT_EQ(first.action, kRedirect);
  Frame outside = sent;
  outside.src = world().host();
  outside.sport = source_port(first.bytes);
  outside.ttl = 63;
  EXPECT_EQ(first.bytes, first_part(outside));
  const Outcome later = world().from_container(kCatWeb, later_part(sent));
  EXPECT_EQ(later.action, kRedirect);
  EXPECT_EQ(later.bytes, later_part(outside));
}

TEST_F(Fragments, OfAReplyReachTheSandbox) {
  const Frame sent = to_gateway(world(), kCatWeb, kServer, udp());
  Frame outside = sent;
  outside.src = world().host();
  outside.sport = source_port(world().from_container(kCatWeb, sent.bytes()).bytes);
  Frame reply = answer_to(outside, udp());
  reply.eth_dst = world().uplink_mac();
  reply.eth_src = world().router_mac();
  reply = datagram(reply);
  Frame arrived = routed_into(world(), kCatWeb, reply);
  arrived.dst = sent.src;
  arrived.dport = sent.sport;
  EXPECT_EQ(world().from_uplink(first_part(reply)).bytes, first_part(arrived));
  EXPECT_EQ(world().from_uplink(later_part(reply)).bytes, later_part(arrived));
}

TEST_F(Fragments, OfAClientReachThePublishedPort) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame sent = datagram(from_outside(world(), kServer, udp()));
  Frame arrived = routed_into(world(), kCatWeb, sent);
  arrived.dst = world().at(kCatWeb).ip;
  arrived.dport = 5000;
  EXPECT_EQ(world().from_uplink(first_part(sent)).bytes, first_part(arrived));
  EXPECT_EQ(world().from_uplink(later_part(sent)).bytes, later_part(arrived));
}

TEST_F(Fragments, OfAnAnswerToANeighbourAreTranslatedToo) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  world().set_endpoint_flags(kCatWeb, EBN_EP_NAT_LOCAL);
  Frame request = udp();
  request.dport = 8000;
  request = to_gateway(world(), kCatDb, world().host(), request);
  ASSERT_EQ(world().from_container(kCatDb, request.bytes()).action, kRedirect);
  Frame answer = udp();
  answer.sport = 5000;
  answer.dport = 40000;
  answer = datagram(to_neighbour(world(), kCatWeb, kCatDb, answer));
  Frame arrived = routed_into(world(), kCatDb, answer);
  arrived.src = world().host();
  arrived.sport = 8000;
  EXPECT_EQ(world().from_container(kCatWeb, first_part(answer)).bytes, first_part(arrived));
  EXPECT_EQ(world().from_container(kCatWeb, later_part(answer)).bytes, later_part(arrived));
}

TEST_F(Fragments, BetweenNeighboursPassInAnyOrder) {
  const Frame sent = datagram(to_neighbour(world(), kCatWeb, kCatDb, udp()));
  for (const Bytes& part : {later_part(sent), first_part(sent)}) {
    const Outcome out = world().from_container(kCatWeb, part);
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, part);
  }
}

TEST_F(Fragments, ThatComeBeforeTheirFirstAreCountedOnTheWayOutAndLeftToTheHostOnTheWayIn) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame out = datagram(to_gateway(world(), kCatWeb, kServer, udp()));
  EXPECT_EQ(world().from_container(kCatWeb, later_part(out)).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_FRAGMENT_UNKNOWN), 1U);
  const Bytes in = later_part(datagram(from_outside(world(), kServer, udp())));
  const Outcome left = world().from_uplink(in);
  EXPECT_EQ(left.action, kUnspec);
  EXPECT_EQ(left.bytes, in);
}

TEST_F(Fragments, OfTwoSandboxesDoNotMixThoughAddressesAndIdentifiersAreEqual) {
  const Frame cat = datagram(to_gateway(world(), kCatWeb, kServer, udp()));
  const Frame twin = datagram(to_gateway(world(), kTwinWeb, kServer, udp()));
  ASSERT_EQ(world().from_container(kCatWeb, first_part(cat)).action, kRedirect);
  EXPECT_EQ(world().from_container(kTwinWeb, later_part(twin)).action, kShot);
}

} // namespace
} // namespace ebpfnet::packet
