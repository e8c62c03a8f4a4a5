// The way out and back: masqueraded flows through tc_from_container and tc_from_uplink.
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>

#include "maps/view/convert.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");
const IpAddress kOtherServer = ip("203.0.113.8");

// What stands outside for a frame that a sandbox sent, once its port is known.
Frame outside_of(const World& world, Frame sent, std::uint16_t port) {
  sent.src = world.host();
  sent.sport = port;
  sent.ttl = static_cast<std::uint8_t>(sent.ttl - 1);
  return sent;
}

// The outside server's answer to what it got.
Frame reply_to(const World& world, const Frame& outside, Frame reply) {
  reply = answer_to(outside, reply);
  reply.eth_dst = world.uplink_mac();
  reply.eth_src = world.router_mac();
  return reply;
}

template <class Base> class MasqueradeOf : public Base {
protected:
  using Base::world;
  // Sends, expects that it leaves masqueraded and nothing else changed; gives what is outside.
  Frame send(const Frame& sent) {
    const Outcome out = world().from_container(sandbox_of(sent), sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    const Frame outside = outside_of(world(), sent, source_port(out.bytes));
    EXPECT_EQ(out.bytes, outside.bytes());
    EXPECT_GE(outside.sport, world().config().masq_first);
    EXPECT_LE(outside.sport, world().config().masq_last);
    return outside;
  }
  // The server answers; expects that it reaches the sender of `sent`.
  void expect_reply(const Frame& sent, const Frame& outside, const Frame& kind) {
    const Frame reply = reply_to(world(), outside, kind);
    Frame expected = routed_into(world(), sandbox_of(sent), reply);
    expected.dst = sent.src;
    expected.dport = sent.sport;
    const Outcome out = world().from_uplink(reply.bytes());
    EXPECT_EQ(out.action, kRedirect);
    EXPECT_EQ(out.bytes, expected.bytes());
  }
  std::uint32_t sandbox_of(const Frame& sent) {
    return sent.eth_src.bytes()[5]; // see endpoint_mac
  }
  void expect_refused(const Frame& sent, ebn_drop_reason reason) {
    const std::uint32_t slot = sandbox_of(sent);
    const std::uint64_t before = world().drops(world().at(slot).network, reason);
    EXPECT_EQ(world().from_container(slot, sent.bytes()).action, kShot);
    EXPECT_EQ(world().drops(world().at(slot).network, reason), before + 1);
  }
  Frame outbound(std::uint32_t slot, const IpAddress& to, Frame frame,
                 std::uint16_t sport = 40000) {
    frame.sport = sport;
    return to_gateway(world(), slot, to, frame);
  }
  // SYN, SYN-ACK, ACK.
  Frame connect(std::uint32_t slot, std::uint16_t sport = 40000) {
    const Frame syn = outbound(slot, kServer, tcp(kSyn), sport);
    const Frame outside = send(syn);
    expect_reply(syn, outside, tcp(kSyn | kAck));
    EXPECT_EQ(send(outbound(slot, kServer, tcp(kAck), sport)).sport, outside.sport);
    return outside;
  }
  ebn_flow only_flow() {
    const auto keys = flows(world());
    EXPECT_EQ(keys.size(), 1U);
    return keys.empty() ? ebn_flow{} : world().maps().flows.get(keys.front()).value().value();
  }
};
using Masquerade = MasqueradeOf<PacketTest>;

TEST_F(Masquerade, CarriesRequestReplyAndNextRequestOverOnePort) {
  const Frame request = outbound(kCatWeb, kServer, udp());
  const Frame outside = send(request);
  EXPECT_EQ(new_flows(world()).size(), 1U);
  EXPECT_TRUE(flows(world()).empty());
  expect_reply(request, outside, udp());
  EXPECT_TRUE(new_flows(world()).empty());
  EXPECT_EQ(flows(world()).size(), 1U);
  EXPECT_EQ(send(request).sport, outside.sport);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_OUT), 2U);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_IN), 1U);
  EXPECT_EQ(world().flows_counted(kCatWeb), 1U);
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(Masquerade, CarriesATcpConnectionThroughItsLife) {
  const Frame outside = connect(kCatWeb);
  const Frame data = outbound(kCatWeb, kServer, tcp(kAck));
  expect_reply(data, outside, tcp(kAck));
  EXPECT_EQ(send(outbound(kCatWeb, kServer, tcp(kFin | kAck))).sport, outside.sport);
  expect_reply(data, outside, tcp(kFin | kAck));
  EXPECT_EQ(send(data).sport, outside.sport); // the last acknowledgement
  EXPECT_EQ(only_flow().flags & (EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT),
            EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT);
}

TEST_F(Masquerade, BeginsAnewWithASynOnAClosedConnection) {
  const Frame outside = connect(kCatWeb);
  const Frame data = outbound(kCatWeb, kServer, tcp(kAck));
  send(outbound(kCatWeb, kServer, tcp(kFin | kAck)));
  expect_reply(data, outside, tcp(kFin | kAck));
  connect(kCatWeb);
  EXPECT_EQ(only_flow().flags & (EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT), 0);
  EXPECT_EQ(masq_ports(world()).size(), 1U);
  EXPECT_EQ(world().flows_counted(kCatWeb), 1U);
}

TEST_F(Masquerade, TakesBackAnRstWhoseSenderGoesOn) {
  const Frame outside = connect(kCatWeb);
  const Frame data = outbound(kCatWeb, kServer, tcp(kAck));
  expect_reply(data, outside, tcp(kRst));
  EXPECT_NE(only_flow().flags & EBN_FLOW_RST, 0);
  send(data); // the other side's segments prove nothing
  EXPECT_NE(only_flow().flags & EBN_FLOW_RST, 0);
  expect_reply(data, outside, tcp(kAck));
  EXPECT_EQ(only_flow().flags & EBN_FLOW_RST, 0);
}

TEST_F(Masquerade, MapsPingIdentifiersSoThatEqualOnesDoNotMeet) {
  std::set<std::uint16_t> outside_ids;
  for (const std::uint32_t slot : {kCatWeb, kCatDb}) {
    const Frame request = to_gateway(world(), slot, kServer, echo(77));
    const Outcome out = world().from_container(slot, request.bytes());
    EXPECT_EQ(out.action, kRedirect);
    const std::uint16_t id = port_at(out.bytes, 38);
    outside_ids.insert(id);
    Frame outside = outside_of(world(), request, 0);
    outside.icmp_rest = static_cast<std::uint32_t>(id) << 16 | 1;
    EXPECT_EQ(out.bytes, outside.bytes());
    const Frame reply = reply_to(world(), outside, echo_reply(id));
    Frame expected = routed_into(world(), slot, reply);
    expected.dst = request.src;
    expected.icmp_rest = 77 << 16 | 1;
    const Outcome back = world().from_uplink(reply.bytes());
    EXPECT_EQ(back.action, kRedirect);
    EXPECT_EQ(back.bytes, expected.bytes());
  }
  EXPECT_EQ(outside_ids.size(), 2U);
}

TEST_F(Masquerade, KeepsTheChecksumOfAnEchoReplyWhoseIdentifierMeetsAFlow) {
  // With the identifier 0 a request and an unasked reply have the same key.
  const Frame request = to_gateway(world(), kCatWeb, kServer, echo(0));
  ASSERT_EQ(world().from_container(kCatWeb, request.bytes()).action, kRedirect);
  const Frame reply = to_gateway(world(), kCatWeb, kServer, echo_reply(0));
  const Frame expected = outside_of(world(), reply, 0);
  EXPECT_EQ(world().from_container(kCatWeb, reply.bytes()).bytes, expected.bytes());
}

TEST_F(Masquerade, LeavesAnAbsentUdpChecksumAbsent) {
  Frame request = outbound(kCatWeb, kServer, udp());
  request.without_checksum = true;
  const Frame outside = send(request);
  Frame reply = udp();
  reply.without_checksum = true;
  expect_reply(request, outside, reply);
}

TEST_F(Masquerade, CarriesIpOptions) {
  Frame request = outbound(kCatWeb, kServer, udp());
  request.options = {1, 1, 1, 0};
  const Outcome out = world().from_container(kCatWeb, request.bytes());
  EXPECT_EQ(out.bytes, outside_of(world(), request, port_at(out.bytes, 38)).bytes());
}

TEST_F(Masquerade, LeavesStrangersToTheHost) {
  const Frame outside = send(outbound(kCatWeb, kServer, udp()));
  Frame stranger = reply_to(world(), outside, udp());
  stranger.src = kOtherServer;
  const Outcome out = world().from_uplink(stranger.bytes());
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, stranger.bytes());
}

TEST_F(Masquerade, KeepsTwinNetworksApart) {
  const Frame cat = outbound(kCatWeb, kServer, udp());
  const Frame twin = outbound(kTwinWeb, kServer, udp());
  ASSERT_EQ(cat.src, twin.src);
  const Frame cat_outside = send(cat);
  const Frame twin_outside = send(twin);
  EXPECT_NE(cat_outside.sport, twin_outside.sport);
  expect_reply(twin, twin_outside, udp());
  expect_reply(cat, cat_outside, udp());
}

TEST_F(Masquerade, AnswersTheSourceThatARouterContainerSpokeFor) {
  world().set_endpoint_flags(kCatWeb, EBN_EP_SPOOF_OK);
  Frame request = outbound(kCatWeb, kServer, udp());
  request.src = ip("10.200.0.5");
  expect_reply(request, send(request), udp());
}

TEST_F(Masquerade, RestoresALostReservationWithin16Packets) {
  const Frame request = outbound(kCatWeb, kServer, udp());
  const Frame outside = send(request);
  expect_reply(request, outside, udp());
  ASSERT_TRUE(succeeded(world().maps().masq_ports.remove(masq_ports(world()).at(0))));
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(send(request).sport, outside.sport);
  }
  expect_reply(request, outside, udp());
}

TEST_F(Masquerade, RestoresALostFlowFromItsReservation) {
  const Frame request = outbound(kCatWeb, kServer, udp());
  const Frame outside = send(request);
  ASSERT_TRUE(succeeded(world().maps().new_flows.remove(new_flows(world()).at(0))));
  expect_reply(request, outside, udp());
  EXPECT_EQ(send(request).sport, outside.sport);
}

TEST_F(Masquerade, LetsTheHostAnswerWhereTheWayEnds) {
  Frame last_hop = outbound(kCatWeb, kServer, udp());
  last_hop.ttl = 1;
  Frame too_long = outbound(kCatWeb, kServer, udp());
  too_long.payload.assign(1473, 'x');
  for (const Frame& frame : {last_hop, too_long}) {
    const Outcome out = world().from_container(kCatWeb, frame.bytes());
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, frame.bytes());
  }
  EXPECT_TRUE(new_flows(world()).empty());
}

TEST_F(Masquerade, RefusesWhatTheNetworkDoesNotMasquerade) {
  world().set_network_flags(kCat, EBN_NET_IN_USE);
  expect_refused(outbound(kCatWeb, kServer, udp()), EBN_DROP_NO_MASQUERADE);
}

TEST_F(Masquerade, RefusesWithoutAnUplinkAddress) {
  const auto record = world().maps().uplinks.get(world().uplink()).value().value();
  ASSERT_TRUE(succeeded(world().maps().uplinks.remove(world().uplink())));
  expect_refused(outbound(kCatWeb, kServer, udp()), EBN_DROP_NO_UPLINK_ADDRESS);
  ASSERT_TRUE(succeeded(world().maps().uplinks.put(world().uplink(), record)));
}

TEST_F(Masquerade, DropsRepliesThatExceedTheSandboxesMtu) {
  const Frame request = outbound(kCatWeb, kServer, udp());
  const Frame outside = send(request);
  Frame reply = reply_to(world(), outside, udp());
  reply.payload.assign(1473, 'x');
  EXPECT_EQ(world().from_uplink(reply.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_TOO_BIG), 1U);
}

ebn_config four_ports() {
  ebn_config out = default_config();
  out.masq_first = 61000;
  out.masq_last = 61003;
  return out;
}
using FourPorts = MasqueradeOf<PacketTestWith<four_ports>>;

TEST_F(FourPorts, RefusesNewFlowsToADestinationWhenAllAreTakenAndLetsLiveOnesGoOn) {
  std::map<std::uint16_t, Frame> live;
  for (std::uint16_t sport = 40000; sport < 40004; ++sport) {
    const Frame request = outbound(kCatWeb, kServer, udp(), sport);
    live.emplace(send(request).sport, request);
  }
  EXPECT_EQ(live.size(), 4U);
  expect_refused(outbound(kCatWeb, kServer, udp(), 40004), EBN_DROP_PORTS_EXHAUSTED);
  EXPECT_EQ(world().flows_counted(kCatWeb), 4U);
  for (const auto& [port, request] : live) {
    EXPECT_EQ(send(request).sport, port);
  }
  send(outbound(kCatWeb, kOtherServer, udp(), 40004)); // another destination has ports of its own
  send(outbound(kCatWeb, kServer, tcp(kSyn), 40004));  // another protocol too
}

TEST_F(FourPorts, NeverTakesThePortOfAHostSocket) {
  std::vector<UniqueFd> sockets;
  for (std::uint16_t port = 61000; port < 61003; ++port) {
    sockets.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    ASSERT_EQ(::bind(sockets.back().get(), reinterpret_cast<const sockaddr*>(&name), sizeof name),
              0);
  }
  EXPECT_EQ(send(outbound(kCatWeb, kServer, udp(), 40000)).sport, 61003);
  expect_refused(outbound(kCatWeb, kServer, udp(), 40001), EBN_DROP_PORTS_EXHAUSTED);
}

ebn_config three_flows() {
  ebn_config out = default_config();
  out.flow_quota = 3;
  return out;
}
using ThreeFlows = MasqueradeOf<PacketTestWith<three_flows>>;

TEST_F(ThreeFlows, StopsASandboxAtItsQuotaAndNobodyElse) {
  for (std::uint16_t sport = 40000; sport < 40003; ++sport) {
    send(outbound(kCatWeb, kServer, udp(), sport));
  }
  expect_refused(outbound(kCatWeb, kServer, udp(), 40003), EBN_DROP_FLOW_QUOTA);
  send(outbound(kCatWeb, kServer, udp(), 40001));
  send(outbound(kCatDb, kServer, udp(), 40003));
}

TEST_F(ThreeFlows, CountsFlowsOfPublishedPortsToo) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  for (std::uint16_t sport = 51000; sport < 51004; ++sport) {
    Frame request = udp();
    request.sport = sport;
    EXPECT_EQ(world().from_uplink(from_outside(world(), kServer, request).bytes()).action,
              kRedirect);
    Frame reply = udp();
    reply.sport = 5000;
    reply.dport = sport;
    const Outcome out =
        world().from_container(kCatWeb, to_gateway(world(), kCatWeb, kServer, reply).bytes());
    EXPECT_EQ(out.action, sport < 51003 ? kRedirect : kShot);
  }
  EXPECT_EQ(world().drops(kCat, EBN_DROP_FLOW_QUOTA), 1U);
}

} // namespace
} // namespace ebpfnet::packet
