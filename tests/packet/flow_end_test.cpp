// How flows end: by time, by a full table, and with the endpoint that had them.
#include <chrono>
#include <thread>

#include "maps/view/convert.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

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

TEST_F(FlowEnd, AClosedConnectionIsForgottenWithItsPortAndItsShareOfTheQuota) {
  using namespace std::chrono_literals;
  const Frame outside = send(kCatWeb, tcp(kSyn));
  EXPECT_EQ(reply(outside, tcp(kSyn | kAck)), kRedirect);
  EXPECT_EQ(reply(outside, tcp(kRst)), kRedirect);
  EXPECT_EQ(flows(world()).size(), 1U);
  EXPECT_EQ(world().flows_counted(kCatWeb), 1U);
  std::this_thread::sleep_for(19s); // the time-out is 20 s, looked at every 5 s
  EXPECT_EQ(flows(world()).size(), 1U);
  const auto end = std::chrono::steady_clock::now() + 9s;
  while (!flows(world()).empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(flows(world()).empty());
  EXPECT_TRUE(masq_ports(world()).empty());
  EXPECT_EQ(world().flows_counted(kCatWeb), 0U);
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
