// What sandboxes send: source checks, the short cut, ARP, isolation.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

class TcFromContainer : public PacketTest {
protected:
  // Runs the program on what the endpoint sends and expects a drop for that reason alone.
  void expect_drop(std::uint32_t slot, const Bytes& bytes, ebn_drop_reason reason) {
    const std::uint64_t before = world().drops(world().at(slot).network, reason);
    const std::uint64_t all = world().all_drops();
    EXPECT_EQ(world().from_container(slot, bytes).action, kShot);
    EXPECT_EQ(world().drops(world().at(slot).network, reason), before + 1);
    EXPECT_EQ(world().all_drops(), all + 1);
  }
  void expect_bridged(std::uint32_t slot, const Bytes& bytes) {
    const std::uint64_t before = world().packets(world().at(slot).network, EBN_PATH_BRIDGE);
    const Outcome out = world().from_container(slot, bytes);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, bytes);
    EXPECT_EQ(world().packets(world().at(slot).network, EBN_PATH_BRIDGE), before + 1);
  }
  Arp request(std::uint32_t slot, const IpAddress& target) {
    const Endpoint& ep = world().at(slot);
    return {broadcast(), ep.mac, 1, ep.mac, ep.ip, Mac(), target};
  }
};

TEST_F(TcFromContainer, ShortCutsToANeighbourWithEveryByteUnchanged) {
  const Bytes sent = to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn)).bytes();
  const Outcome out = world().from_container(kCatWeb, sent);
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, sent);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_LOCAL), 1U);
  EXPECT_TRUE(flows(world()).empty());
}

TEST_F(TcFromContainer, DropsForeignSourceAddress) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.src = ip("172.18.0.9");
  expect_drop(kCatWeb, frame.bytes(), EBN_DROP_SPOOFED_IP);
}

TEST_F(TcFromContainer, DropsForeignSourceMac) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.eth_src = world().at(kCatDb).mac;
  expect_drop(kCatWeb, frame.bytes(), EBN_DROP_SPOOFED_MAC);
}

TEST_F(TcFromContainer, LetsRouterContainersUseOtherSources) {
  world().set_endpoint_flags(kCatWeb, EBN_EP_SPOOF_OK);
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.src = ip("172.18.0.9");
  frame.eth_src = mac("02:00:00:00:00:99");
  EXPECT_EQ(world().from_container(kCatWeb, frame.bytes()).action, kRedirect);
}

TEST_F(TcFromContainer, LetsDhcpClientsAskWithoutAnAddress) {
  Frame frame = udp();
  frame.eth_src = world().at(kCatWeb).mac;
  frame.eth_dst = broadcast();
  frame.src = ip("0.0.0.0");
  frame.dst = ip("255.255.255.255");
  frame.sport = 68;
  frame.dport = 67;
  expect_bridged(kCatWeb, frame.bytes());
  frame.dport = 53;
  expect_drop(kCatWeb, frame.bytes(), EBN_DROP_SPOOFED_IP);
}

TEST_F(TcFromContainer, RoutesNothingThatHasNoSourceAddress) {
  world().publish(kUdp, 67, 67, {}, kDogWeb, 67);
  for (const IpAddress& to : {world().host(), world().at(kCatDb).ip, ip("203.0.113.7")}) {
    Frame frame = udp(); // a DHCP client's
    frame.sport = 68;
    frame.dport = 67;
    frame = to_gateway(world(), kCatWeb, to, frame);
    frame.src = ip("0.0.0.0");
    expect_drop(kCatWeb, frame.bytes(), EBN_DROP_MARTIAN);
  }
}

TEST_F(TcFromContainer, LeavesWhatASandboxSendsToItselfToTheBridge) {
  expect_bridged(kCatWeb, to_neighbour(world(), kCatWeb, kCatWeb, udp()).bytes());
}

TEST_F(TcFromContainer, GivesBroadcastAndMulticastToTheBridge) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.eth_dst = broadcast();
  frame.dst = ip("172.18.255.255");
  expect_bridged(kCatWeb, frame.bytes());
  frame.eth_dst = Mac::from_bytes({0x01, 0, 0x5e, 0, 0, 0xfb});
  frame.dst = ip("224.0.0.251");
  expect_bridged(kCatWeb, frame.bytes());
}

TEST_F(TcFromContainer, GivesUnknownUnicastToTheBridge) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.dst = ip("172.18.0.77");
  frame.eth_dst = mac("02:00:00:00:00:77");
  expect_bridged(kCatWeb, frame.bytes());
}

TEST_F(TcFromContainer, DropsVlanTags) {
  const Bytes inner = to_neighbour(world(), kCatWeb, kCatDb, udp()).ip_packet();
  Bytes tagged = {0, 5, 8, 0};
  tagged.insert(tagged.end(), inner.begin(), inner.end());
  const Endpoint& ep = world().at(kCatWeb);
  expect_drop(kCatWeb, ethernet(world().at(kCatDb).mac, ep.mac, 0x8100, tagged),
              EBN_DROP_VLAN_TAGGED);
  expect_drop(kCatWeb, ethernet(world().at(kCatDb).mac, ep.mac, 0x88a8, tagged),
              EBN_DROP_VLAN_TAGGED);
}

TEST_F(TcFromContainer, DropsIpv6WhereTheNetworkHasNone) {
  const Bytes body(60, 0x60);
  expect_drop(kCatWeb, ethernet(broadcast(), world().at(kCatWeb).mac, 0x86dd, body),
              EBN_DROP_IPV6_DISABLED);
}

TEST_F(TcFromContainer, GivesOtherEthertypesToTheBridge) {
  expect_bridged(kCatWeb, ethernet(broadcast(), world().at(kCatWeb).mac, 0x88cc, Bytes(46, 1)));
}

TEST_F(TcFromContainer, DropsEverythingOfAnInterfaceWithoutRecord) {
  const Bytes sent = to_neighbour(world(), kCatWeb, kCatDb, udp()).bytes();
  ASSERT_TRUE(succeeded(world().maps().endpoints.put(kCatWeb, {})));
  EXPECT_EQ(world().from_container(kCatWeb, sent).action, kShot);
  EXPECT_EQ(world().drops(0, EBN_DROP_UNKNOWN_ENDPOINT), 1U);
}

// Isolation

TEST_F(TcFromContainer, IsolatesNetworksFromEachOther) {
  expect_drop(kCatWeb, to_gateway(world(), kCatWeb, world().at(kDogWeb).ip, tcp(kSyn)).bytes(),
              EBN_DROP_ISOLATED);
  expect_drop(kDogWeb, to_gateway(world(), kDogWeb, world().at(kCatWeb).ip, udp()).bytes(),
              EBN_DROP_ISOLATED);
  expect_drop(kDogWeb, to_gateway(world(), kDogWeb, ip("172.18.200.1"), echo(7)).bytes(),
              EBN_DROP_ISOLATED);
}

TEST_F(TcFromContainer, KeepsEqualSubnetsApart) {
  // twin-web has the address of cat-web. What it sends to "172.18.0.3" is nobody of its network.
  Frame frame = to_neighbour(world(), kTwinWeb, kTwinWeb, udp());
  frame.dst = world().at(kCatDb).ip;
  frame.eth_dst = world().at(kCatDb).mac;
  expect_bridged(kTwinWeb, frame.bytes());
  EXPECT_EQ(world().packets(kCat, EBN_PATH_LOCAL), 0U);
}

TEST_F(TcFromContainer, GivesUnknownNeighboursBehindTheGatewayToTheHostAlsoWithEqualSubnets) {
  Frame frame = to_gateway(world(), kCatWeb, ip("172.18.0.77"), udp());
  expect_bridged(kCatWeb, frame.bytes());
}

TEST_F(TcFromContainer, ForbidsNeighboursWhereTheNetworkSaysSo) {
  expect_drop(kNoIccA, to_neighbour(world(), kNoIccA, kNoIccB, tcp(kSyn)).bytes(), EBN_DROP_NO_ICC);
  expect_drop(kNoIccA, to_gateway(world(), kNoIccA, world().at(kNoIccB).ip, udp()).bytes(),
              EBN_DROP_NO_ICC);
}

TEST_F(TcFromContainer, LetsInternalNetworksReachTheirGatewayAndNeighboursOnly) {
  const Endpoint& ep = world().at(kInternalA);
  expect_bridged(kInternalA, to_gateway(world(), kInternalA, ep.gateway, udp()).bytes());
  EXPECT_EQ(
      world()
          .from_container(kInternalA, to_neighbour(world(), kInternalA, kInternalB, udp()).bytes())
          .action,
      kRedirect);
  for (const char* outside : {"203.0.113.7", "192.0.2.10", "172.18.0.2", "172.18.0.1"}) {
    expect_drop(kInternalA, to_gateway(world(), kInternalA, ip(outside), udp()).bytes(),
                EBN_DROP_INTERNAL);
  }
}

TEST_F(TcFromContainer, DropsMartians) {
  for (const char* martian : {"127.0.0.1", "0.1.2.3", "255.255.255.255", "240.0.0.1"}) {
    expect_drop(kCatWeb, to_gateway(world(), kCatWeb, ip(martian), udp()).bytes(),
                EBN_DROP_MARTIAN);
  }
}

TEST_F(TcFromContainer, RoutesToANeighbourThroughTheGatewayLikeARouterOnAStick) {
  const Endpoint& db = world().at(kCatDb);
  const Frame sent = to_gateway(world(), kCatWeb, db.ip, udp());
  Frame expected = sent;
  expected.eth_dst = db.mac;
  expected.eth_src = db.gateway_mac;
  const Outcome out = world().from_container(kCatWeb, sent.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(TcFromContainer, GivesPacketsForTheGatewayToTheHost) {
  expect_bridged(kCatWeb,
                 to_gateway(world(), kCatWeb, world().at(kCatWeb).gateway, echo(1)).bytes());
  expect_bridged(kCatWeb, to_gateway(world(), kCatWeb, world().host(), tcp(kSyn)).bytes());
}

TEST_F(TcFromContainer, ShowsTheHostAUniqueAddressForEqualSubnets) {
  const Frame sent = to_gateway(world(), kTwinWeb, world().at(kTwinWeb).gateway, udp());
  Frame expected = sent;
  expected.src = world().at(kTwinWeb).host_address;
  const Outcome out = world().from_container(kTwinWeb, sent.bytes());
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, expected.bytes());
}

TEST_F(TcFromContainer, ChangesNothingButTheAddressInProtocolsItDoesNotKnow) {
  for (const std::size_t length : {0U, 3U, 40U}) {
    Frame sent = to_gateway(world(), kTwinWeb, world().at(kTwinWeb).gateway, udp());
    sent.proto = 47; // GRE
    sent.payload.assign(length, 0x5a);
    Frame expected = sent;
    expected.src = world().at(kTwinWeb).host_address;
    const Outcome out = world().from_container(kTwinWeb, sent.bytes());
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
}

TEST_F(TcFromContainer, KeepsAnAddressThatTheHostTakesForSomebodyElsesFromTheHost) {
  const Endpoint& twin = world().at(kTwinWeb);
  for (const IpAddress& address : {twin.gateway, world().host()}) {
    Frame frame = to_gateway(world(), kTwinWeb, address, udp());
    frame.eth_dst = broadcast(); // bridged: the host would answer the address that it sees
    expect_drop(kTwinWeb, frame.bytes(), EBN_DROP_MARTIAN);
  }
  Frame frame = to_neighbour(world(), kTwinWeb, kTwinDb, udp());
  frame.eth_dst = broadcast();
  expect_bridged(kTwinWeb, frame.bytes());
}

TEST_F(TcFromContainer, DropsWhatExceedsTheNeighboursMtu) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.payload.assign(1473, 'x');
  expect_drop(kCatWeb, frame.bytes(), EBN_DROP_TOO_BIG);
  frame.payload.resize(1472);
  EXPECT_EQ(world().from_container(kCatWeb, frame.bytes()).action, kRedirect);
}

TEST_F(TcFromContainer, RefusesProtocolsThatNatCannotCarry) {
  Frame gre = to_gateway(world(), kCatWeb, ip("203.0.113.7"), udp());
  gre.proto = 47;
  expect_drop(kCatWeb, gre.bytes(), EBN_DROP_UNSUPPORTED_PROTOCOL);
  gre.fragment = kMoreFragments;
  gre.payload.resize(16);
  expect_drop(kCatWeb, gre.bytes(), EBN_DROP_UNSUPPORTED_PROTOCOL);
  expect_drop(kCatWeb, later_fragment(gre, 16, {1, 2, 3}), EBN_DROP_UNSUPPORTED_PROTOCOL);
}

TEST_F(TcFromContainer, CarriesEveryProtocolBetweenNeighbours) {
  Frame sctp = to_neighbour(world(), kCatWeb, kCatDb, udp());
  sctp.proto = 132;
  EXPECT_EQ(world().from_container(kCatWeb, sctp.bytes()).action, kRedirect);
}

// ARP

TEST_F(TcFromContainer, AnswersArpForNeighbourAndGateway) {
  const Endpoint& web = world().at(kCatWeb);
  const std::pair<IpAddress, Mac> known[] = {{world().at(kCatDb).ip, world().at(kCatDb).mac},
                                             {web.gateway, web.gateway_mac}};
  for (const auto& [address, owner] : known) {
    const Outcome out = world().from_container(kCatWeb, request(kCatWeb, address).bytes());
    const Arp expected{web.mac, owner, 2, owner, address, web.mac, web.ip};
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
}

TEST_F(TcFromContainer, NeverAnswersArpForTheAskersOwnAddress) {
  const Endpoint& web = world().at(kCatWeb);
  expect_bridged(kCatWeb, request(kCatWeb, web.ip).bytes()); // gratuitous
  Arp probe = request(kCatWeb, web.ip);
  probe.sender = ip("0.0.0.0");
  expect_bridged(kCatWeb, probe.bytes());
}

TEST_F(TcFromContainer, AnswersAProbeForAnAddressThatIsTaken) {
  Arp probe = request(kCatWeb, world().at(kCatDb).ip);
  probe.sender = ip("0.0.0.0");
  EXPECT_EQ(world().from_container(kCatWeb, probe.bytes()).action, kRedirect);
}

TEST_F(TcFromContainer, GivesArpForUnknownAddressesToTheBridge) {
  expect_bridged(kCatWeb, request(kCatWeb, ip("172.18.0.77")).bytes());
  expect_bridged(kCatWeb, request(kCatWeb, world().at(kDogWeb).ip).bytes());
}

TEST_F(TcFromContainer, DropsArpThatClaimsAForeignAddress) {
  Arp reply = request(kCatWeb, world().at(kCatDb).ip);
  reply.operation = 2;
  reply.sender = world().at(kCatWeb).gateway;
  expect_drop(kCatWeb, reply.bytes(), EBN_DROP_SPOOFED_ARP);
  Arp other_mac = request(kCatWeb, world().at(kCatDb).ip);
  other_mac.sender_mac = world().at(kCatDb).mac;
  expect_drop(kCatWeb, other_mac.bytes(), EBN_DROP_SPOOFED_ARP);
}

TEST_F(TcFromContainer, DropsArpOfOtherKinds) {
  for (const std::size_t at : {15U, 16U, 18U, 19U}) { // hardware, protocol, both lengths
    Bytes bytes = request(kCatWeb, world().at(kCatDb).ip).bytes();
    bytes[at] = 9;
    expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
  }
}

// Malformed

TEST_F(TcFromContainer, DropsEveryCutPacketAsMalformed) {
  Frame options = to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn));
  options.options = {1, 1, 1, 0};
  for (const Frame& whole : {to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn)), options,
                             to_neighbour(world(), kCatWeb, kCatDb, udp()),
                             to_gateway(world(), kCatWeb, ip("203.0.113.7"), echo(1)),
                             to_gateway(world(), kCatWeb, ip("203.0.113.7"), tcp(kSyn))}) {
    const Bytes bytes = whole.bytes();
    // The kernel's test run refuses anything shorter than an IP header; see the live tests for
    // that.
    for (std::size_t length = 34; length < bytes.size(); ++length) {
      SCOPED_TRACE(length);
      expect_drop(kCatWeb, Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)),
                  EBN_DROP_MALFORMED);
    }
  }
}

TEST_F(TcFromContainer, DropsEveryCutArpAsMalformed) {
  const Bytes bytes = request(kCatWeb, world().at(kCatDb).ip).bytes();
  for (std::size_t length = 14; length < bytes.size(); ++length) {
    expect_drop(kCatWeb, Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)),
                EBN_DROP_MALFORMED);
  }
}

TEST_F(TcFromContainer, DropsPacketsWhoseIpLengthEndsInsideAHeader) {
  for (const Frame& whole : {to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn)),
                             to_neighbour(world(), kCatWeb, kCatDb, udp())}) {
    const std::size_t header = whole.proto == kTcp ? 40 : 28;
    for (std::size_t length = 0; length < header; ++length) {
      Bytes bytes = whole.bytes();
      bytes[16] = 0;
      bytes[17] = static_cast<std::uint8_t>(length);
      expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
    }
  }
}

TEST_F(TcFromContainer, DropsImpossibleHeaderFields) {
  const Bytes good = to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn)).bytes();
  const std::pair<std::size_t, std::uint8_t> fields[] = {{14, 0x65}, {14, 0x44}, {14, 0x40},
                                                         {14, 0x4f}, {46, 0x40}, {46, 0xf0}};
  for (const auto& [at, value] : fields) {
    SCOPED_TRACE(at);
    Bytes bytes = good;
    bytes[at] = value;
    expect_drop(kCatWeb, bytes, EBN_DROP_MALFORMED);
  }
  Bytes udp_length = to_neighbour(world(), kCatWeb, kCatDb, udp()).bytes();
  udp_length[39] = 7;
  expect_drop(kCatWeb, udp_length, EBN_DROP_MALFORMED);
  udp_length[39] = 200;
  expect_drop(kCatWeb, udp_length, EBN_DROP_MALFORMED);
}

TEST_F(TcFromContainer, CarriesIpOptions) {
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, tcp(kSyn));
  frame.options.assign(40, 1);
  const Outcome out = world().from_container(kCatWeb, frame.bytes());
  EXPECT_EQ(out.action, kRedirect);
  EXPECT_EQ(out.bytes, frame.bytes());
}

} // namespace
} // namespace ebpfnet::packet
