// Published ports through tc_from_uplink and tc_from_container: clients outside, on the host's
// other networks, next door, and the server itself.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kClient = ip("198.51.100.9");
const IpAddress kAnyAddress;

class Published : public PacketTest {
protected:
  Frame request(Frame kind) { return from_outside(world(), kClient, kind); }
  // As the server sees it.
  Frame inside(std::uint32_t slot, Frame frame, std::uint16_t port = 5000) {
    frame = routed_into(world(), slot, frame);
    frame.dst = world().at(slot).ip;
    frame.dport = port;
    return frame;
  }
  void expect_served(const Frame& sent, std::uint32_t slot, std::uint16_t port = 5000) {
    const Outcome out = world().from_uplink(sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, inside(slot, sent, port).bytes());
  }
  void expect_untouched(const Bytes& bytes) {
    const Outcome out = world().from_uplink(bytes);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, bytes);
  }
  void expect_drop(const Frame& sent, ebn_drop_reason reason) {
    const std::uint64_t before = world().drops(kCat, reason);
    EXPECT_EQ(world().from_uplink(sent.bytes()).action, kShot);
    EXPECT_EQ(world().drops(kCat, reason), before + 1);
  }
  Frame reply(std::uint32_t slot, Frame kind) {
    kind.sport = 5000;
    kind.dport = 51000;
    return to_gateway(world(), slot, kClient, kind);
  }
  // The server answers; the client sees the address and port that it asked.
  void expect_replied(std::uint32_t slot, const Frame& sent, std::uint16_t port = 8000) {
    Frame expected = sent;
    expected.src = world().host();
    expected.sport = port;
    expected.ttl = static_cast<std::uint8_t>(sent.ttl - 1);
    const Outcome out = world().from_container(slot, sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
};

TEST_F(Published, KeepsTheClientsAddressOnTheWayInAndTheHostsOnTheWayBack) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  expect_served(request(tcp(kSyn)), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kSyn | kAck)));
  expect_served(request(tcp(kAck)), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kAck)));
  EXPECT_EQ(flows(world()).size(), 1U);
  EXPECT_TRUE(new_flows(world()).empty());
  EXPECT_EQ(world().packets(kCat, EBN_PATH_IN), 2U);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_OUT), 2U);
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(Published, CarriesUdp) {
  world().publish(kUdp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  expect_served(request(udp()), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, udp()));
  EXPECT_EQ(flows(world()).size(), 1U);
  expect_served(request(udp()), kCatWeb);
}

TEST_F(Published, WritesAUdpChecksumOfZeroAsItsOtherForm) {
  world().publish(kUdp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  Frame frame = request(udp());
  frame.payload = {0, 0};
  for (unsigned value = 0; value < 65536; ++value) {
    frame.payload = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    const Bytes expected = inside(kCatWeb, frame).bytes();
    if (expected[40] == 0xff && expected[41] == 0xff) {
      expect_served(frame, kCatWeb);
      return;
    }
  }
  FAIL() << "no payload gives that checksum";
}

TEST_F(Published, DoesNotEstablishWhatTheServerRefuses) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  expect_served(request(tcp(kSyn)), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kRst | kAck)));
  EXPECT_TRUE(flows(world()).empty());
  expect_served(request(tcp(kSyn)), kCatWeb); // and may be tried again
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kSyn | kAck)));
  expect_served(request(tcp(kAck)), kCatWeb);
  ASSERT_EQ(flows(world()).size(), 1U);
  EXPECT_EQ(world().maps().flows.get(flows(world()).at(0)).value()->flags & EBN_FLOW_RST, 0);
}

TEST_F(Published, DoesNotEstablishForgedClients) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  for (std::uint16_t port = 1; port <= 200; ++port) {
    Frame syn = tcp(kSyn);
    syn.sport = port;
    expect_served(request(syn), kCatWeb);
    Frame answer = reply(kCatWeb, tcp(kSyn | kAck));
    answer.dport = port;
    expect_replied(kCatWeb, answer);
  }
  EXPECT_TRUE(flows(world()).empty());
  EXPECT_EQ(world().flows_counted(kCatWeb), 0U);
}

TEST_F(Published, ServesOneHostAddressOnly) {
  const IpAddress second = ip("192.0.2.11");
  ASSERT_TRUE(succeeded(world().maps().host_addrs.put(view::to_abi(second), 1)));
  world().publish(kTcp, 8000, 8000, second, kCatWeb, 5000);
  expect_untouched(request(tcp(kSyn)).bytes());
  Frame to_second = request(tcp(kSyn));
  to_second.dst = second;
  expect_served(to_second, kCatWeb);
}

TEST_F(Published, ServesOneProtocolOnly) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  expect_untouched(request(udp()).bytes());
  world().publish(kUdp, 8000, 8000, kAnyAddress, kDogWeb, 53);
  expect_served(request(udp()), kDogWeb, 53);
  expect_served(request(tcp(kSyn)), kCatWeb);
}

TEST_F(Published, KeepsTheDistanceWithinARange) {
  world().publish(kTcp, 8000, 8100, kAnyAddress, kCatWeb, 5000);
  for (const std::uint16_t port : {8000, 8001, 8100}) {
    Frame syn = tcp(kSyn);
    syn.dport = port;
    expect_served(request(syn), kCatWeb, static_cast<std::uint16_t>(port - 3000));
  }
  Frame beyond = tcp(kSyn);
  beyond.dport = 8101;
  expect_untouched(request(beyond).bytes());
}

TEST_F(Published, FindsTheRightOneOfOverlappingRanges) {
  std::uint32_t chain = 0;
  std::vector<IpAddress> addresses;
  for (int i = 0; i < EBN_MAX_PUBLISH_CHAIN; ++i) {
    addresses.push_back(ip("192.0.2.100").plus(static_cast<std::uint64_t>(i)));
    ASSERT_TRUE(succeeded(world().maps().host_addrs.put(view::to_abi(addresses.back()), 1)));
    chain = world().publish(kTcp, 8000, 8010, addresses.back(), i % 2 == 0 ? kCatWeb : kDogWeb,
                            static_cast<std::uint16_t>(5000 + 100 * i), chain);
  }
  for (int i = 0; i < EBN_MAX_PUBLISH_CHAIN; ++i) {
    Frame syn = tcp(kSyn);
    syn.dport = 8003;
    syn = request(syn);
    syn.dst = addresses[static_cast<std::size_t>(i)];
    expect_served(syn, i % 2 == 0 ? kCatWeb : kDogWeb, static_cast<std::uint16_t>(5003 + 100 * i));
  }
  Frame other = tcp(kSyn);
  other.dport = 8003;
  expect_untouched(request(other).bytes());
}

TEST_F(Published, LeavesEverythingElseToTheHost) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  Frame elsewhere = request(tcp(kSyn));
  elsewhere.dst = ip("192.0.2.99");
  expect_untouched(elsewhere.bytes());
  Frame other_port = tcp(kSyn);
  other_port.dport = 22;
  expect_untouched(request(other_port).bytes());
  expect_untouched(request(echo(1)).bytes());
  Frame overheard = request(tcp(kSyn));
  overheard.eth_dst = mac("02:00:00:00:00:99");
  expect_untouched(overheard.bytes());
  expect_untouched(ethernet(world().uplink_mac(), world().router_mac(), 0x86dd, Bytes(40, 0x60)));
  expect_untouched(Arp{broadcast(), world().router_mac(), 1, world().router_mac(), ip("192.0.2.1"),
                       Mac(), world().host()}
                       .bytes());
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(Published, LeavesCutPacketsToTheHost) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  world().publish(kUdp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  for (const Frame& whole : {request(tcp(kSyn)), request(udp()), request(echo(1))}) {
    const Bytes bytes = whole.bytes();
    for (std::size_t length = 34; length < bytes.size(); ++length) {
      expect_untouched(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)));
    }
  }
}

TEST_F(Published, RefusesAddressesOfTheInsideFromOutside) {
  world().publish(kUdp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  for (const char* forged : {"172.18.0.3", "10.55.0.2", "127.0.0.1", "0.0.0.0", "224.0.0.1"}) {
    Frame frame = request(udp());
    frame.src = ip(forged);
    expect_drop(frame, EBN_DROP_MARTIAN);
  }
}

TEST_F(Published, AnswersNobodyWhoseAddressCannotBeOutside) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  for (const char* forged : {"172.18.0.3", "127.0.0.1", "0.0.0.0", "224.0.0.1"}) {
    Frame stray = request(tcp(kAck));
    stray.src = ip(forged);
    expect_drop(stray, EBN_DROP_MARTIAN);
  }
}

TEST_F(Published, KeepsInternalNetworksClosed) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kInternalA, 5000);
  EXPECT_EQ(world().from_uplink(request(tcp(kSyn)).bytes()).action, kShot);
  EXPECT_EQ(world().drops(kInternal, EBN_DROP_INTERNAL), 1U);
}

TEST_F(Published, RefusesTwoFlowsThatWouldBecomeOne) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  world().publish(kTcp, 9000, 9000, kAnyAddress, kCatWeb, 5000);
  expect_served(request(tcp(kSyn)), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kSyn | kAck)));
  expect_served(request(tcp(kAck)), kCatWeb);
  Frame second = tcp(kSyn);
  second.dport = 9000;
  expect_drop(request(second), EBN_DROP_NAT_COLLISION);
  expect_served(request(tcp(kFin | kAck)), kCatWeb);
  expect_replied(kCatWeb, reply(kCatWeb, tcp(kFin | kAck)));
  expect_served(request(second), kCatWeb); // once the first has ended
}

TEST_F(Published, DropsWhatExceedsTheServersMtu) {
  world().publish(kUdp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  Frame frame = request(udp());
  frame.payload.assign(1473, 'x');
  expect_drop(frame, EBN_DROP_TOO_BIG);
}

TEST_F(Published, CutsOffWhenThePortIsUnpublished) {
  world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
  expect_served(request(tcp(kSyn)), kCatWeb);
  world().maps().port_index.set(kTcp, 8000, 8000, 0);
  expect_untouched(request(tcp(kAck)).bytes());
}

// Clients on this host

class PublishedLocally : public Published {
protected:
  void SetUp() override {
    Published::SetUp();
    if (!IsSkipped()) {
      world().publish(kTcp, 8000, 8000, kAnyAddress, kCatWeb, 5000);
      world().set_endpoint_flags(kCatWeb, EBN_EP_NAT_LOCAL);
    }
  }
  // SYN to host:8000 from `client`, which the server sees come from `seen_as`, and the answer.
  void expect_conversation(std::uint32_t client, const IpAddress& seen_as, bool direct_answer) {
    Frame syn = tcp(kSyn);
    syn.dport = 8000;
    syn = to_gateway(world(), client, world().host(), syn);
    Frame arrived = inside(kCatWeb, syn);
    arrived.src = seen_as;
    const Outcome there = world().from_container(client, syn.bytes());
    EXPECT_EQ(there.action, kRedirect);
    EXPECT_EQ(there.bytes, arrived.bytes());

    Frame answer = answer_to(arrived, tcp(kSyn | kAck));
    if (direct_answer) {
      answer.eth_dst = world().at(client).mac;
    }
    Frame expected = routed_into(world(), client, answer);
    expected.src = world().host();
    expected.sport = 8000;
    expected.dst = world().at(client).ip;
    const Outcome back = world().from_container(kCatWeb, answer.bytes());
    EXPECT_EQ(back.action, kRedirect);
    EXPECT_EQ(back.bytes, expected.bytes());
    EXPECT_EQ(world().packets(kCat, EBN_PATH_PUBLISHED) +
                  (world().at(client).network == kCat
                       ? 0
                       : world().packets(world().at(client).network, EBN_PATH_PUBLISHED)),
              2U);
  }
};

TEST_F(PublishedLocally, ServesAnEndpointOfAnotherNetwork) {
  expect_conversation(kDogWeb, world().at(kDogWeb).ip, false);
}

TEST_F(PublishedLocally, ServesANeighbourAndTranslatesItsDirectAnswer) {
  expect_conversation(kCatDb, world().at(kCatDb).ip, true);
}

TEST_F(PublishedLocally, ServesTheServerItselfThroughTheGateway) {
  expect_conversation(kCatWeb, world().at(kCatWeb).gateway, false);
}

TEST_F(PublishedLocally, ServesAClientWhoseAddressMeansSomebodyElseThroughTheGateway) {
  expect_conversation(kTwinWeb, world().at(kTwinWeb).gateway, false);
}

TEST_F(PublishedLocally, DoesNotAnswerTheNewOwnerOfAClientsSlot) {
  Frame request = tcp(kSyn);
  request.dport = 8000;
  request = to_gateway(world(), kDogWeb, world().host(), request);
  ASSERT_EQ(world().from_container(kDogWeb, request.bytes()).action, kRedirect);
  auto record = world().maps().endpoints.get(kDogWeb).value().value();
  record.sandbox = 77;
  ASSERT_TRUE(succeeded(world().maps().endpoints.put(kDogWeb, record)));
  const Frame answer = answer_to(inside(kCatWeb, request), tcp(kSyn | kAck));
  EXPECT_EQ(world().from_container(kCatWeb, answer.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_UNKNOWN_ENDPOINT), 1U);
}

TEST_F(PublishedLocally, AnswersOnGatewayAddressesToo) {
  Frame syn = tcp(kSyn);
  syn.dport = 8000;
  syn = to_gateway(world(), kDogWeb, world().at(kDogWeb).gateway, syn);
  EXPECT_EQ(world().from_container(kDogWeb, syn.bytes()).bytes, inside(kCatWeb, syn).bytes());
}

TEST_F(PublishedLocally, IsClosedToInternalNetworks) {
  Frame syn = tcp(kSyn);
  syn.dport = 8000;
  syn = to_gateway(world(), kInternalA, world().at(kInternalA).gateway, syn);
  EXPECT_EQ(world().from_container(kInternalA, syn.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kInternal, EBN_DROP_INTERNAL), 1U);
}

TEST_F(PublishedLocally, LeavesOtherTrafficBetweenTheNeighboursAlone) {
  const Bytes sent = to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn)).bytes();
  const Outcome out = world().from_container(kCatWeb, sent);
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, sent);
}

} // namespace
} // namespace ebpfnet::packet
