// How flows end: by time, by a full table, and with the endpoint that had them.
#include <chrono>
#include <thread>

#include "maps/view/convert.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

using namespace std::chrono_literals;

template <class Condition> bool within(std::chrono::seconds time, Condition holds) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

const IpAddress kServer = ip("203.0.113.7");

class FlowEnd : public PacketTest {
protected:
  Frame send(std::uint32_t slot, Frame kind) {
    const Frame sent = to_gateway(world(), slot, kServer, kind);
    Frame outside = sent;
    outside.src = world().host();
    const Outcome out = world().from_container(slot, sent.bytes());
    EXPECT_EQ(out.action, kRedirect);
    outside.sport = source_port(out.bytes);
    return outside;
  }
  int reply(const Frame& outside, const Frame& kind) {
    Frame frame = answer_to(outside, kind);
    frame.eth_dst = world().uplink_mac();
    frame.eth_src = world().router_mac();
    return world().from_uplink(frame.bytes()).action;
  }
};

TEST_F(FlowEnd, ClosedConnectionsAreForgottenWithTheirPortsAndTheirShareOfTheQuota) {
  constexpr std::uint16_t kConnections = 900; // more than a round of the clock takes
  for (std::uint16_t n = 0; n < kConnections; ++n) {
    Frame syn = tcp(kSyn);
    syn.sport = static_cast<std::uint16_t>(20000 + n);
    const Frame outside = send(kCatWeb, syn);
    EXPECT_EQ(reply(outside, tcp(kSyn | kAck)), kRedirect);
    EXPECT_EQ(reply(outside, tcp(kRst)), kRedirect);
  }
  EXPECT_EQ(world().flows_counted(kCatWeb), kConnections);
  std::this_thread::sleep_for(19s); // the time-out is 20 s, looked at every 5 s
  EXPECT_EQ(flows(world()).size(), kConnections);
  EXPECT_TRUE(within(30s, [] { return flows(world()).empty(); }));
  EXPECT_TRUE(masq_ports(world()).empty());
  EXPECT_EQ(world().flows_counted(kCatWeb), 0U);
}

TEST_F(FlowEnd, AReservedPortEndsWithoutItsFlowAndALaterFlowOfTheSameTupleIsLeftAlone) {
  send(kCatWeb, udp());
  const ebn_flow_key key = new_flows(world()).at(0);
  ASSERT_TRUE(succeeded(world().maps().new_flows.remove(key))); // as when others needed its place
  Frame second = udp();
  second.sport = 40001;
  const Frame outside = send(kCatWeb, second);
  EXPECT_EQ(reply(outside, udp()), kRedirect);
  const ebn_flow_key replied = flows(world()).at(0);
  ebn_flow later = world().maps().flows.get(replied).value().value();
  later.created_ns += 1;
  later.idle_since_ns = 1;
  later.active = 0; // would end at the first look, if it were meant
  ASSERT_TRUE(succeeded(world().maps().flows.put(replied, later)));
  EXPECT_EQ(masq_ports(world()).size(), 2U);
  EXPECT_TRUE(within(30s, [] { return masq_ports(world()).size() == 1; }));
  EXPECT_EQ(flows(world()).size(), 1U);
  EXPECT_EQ(world().flows_counted(kCatWeb), 1U);
}

TEST_F(FlowEnd, AFullTableRefusesNewFlowsAndLetsLiveOnesGoOn) {
  const Frame live = send(kCatWeb, udp());
  EXPECT_EQ(reply(live, udp()), kRedirect);
  ebn_flow_key key{};
  const ebn_flow filler{};
  for (std::uint32_t i = 1; i < EBN_FLOWS; ++i) {
    key.sandbox = 100 + i;
    ASSERT_TRUE(succeeded(world().maps().flows.put(key, filler)));
  }
  Frame second = udp();
  second.sport = 40001;
  const Frame refused = send(kCatWeb, second);
  EXPECT_EQ(reply(refused, udp()), kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_FLOW_TABLE_FULL), 1U);
  EXPECT_EQ(send(kCatWeb, udp()).sport, live.sport);
  EXPECT_EQ(reply(live, udp()), kRedirect);
}

TEST_F(FlowEnd, NothingOfAnOldEndpointReachesTheNewOwnerOfItsSlot) {
  const Frame outside = send(kCatWeb, udp());
  EXPECT_EQ(reply(outside, udp()), kRedirect);
  auto record = world().maps().endpoints.get(kCatWeb).value().value();
  record.sandbox = 77;
  ASSERT_TRUE(succeeded(world().maps().endpoints.put(kCatWeb, record)));
  EXPECT_EQ(reply(outside, udp()), kShot);
  const Frame error = from_outside(world(), ip("192.0.2.1"), icmp_error(3, 3, outside));
  EXPECT_EQ(world().from_uplink(error.bytes()).action, kUnspec);
}

} // namespace
} // namespace ebpfnet::packet
