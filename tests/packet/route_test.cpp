// Flows and the host's routing table: a known flow remembers its way for some ticks of the clock,
// and no longer.
#include <sched.h>

#include <chrono>

#include "daemon/netlink/route.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");
constexpr auto kPatience = std::chrono::seconds(5); // the ticks are 16 to 160 ms

class Routes : public LivePacketTest {
protected:
  // Each CPU remembers for itself.
  void SetUp() override {
    LivePacketTest::SetUp();
    ASSERT_EQ(::sched_getaffinity(0, sizeof all_, &all_), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  }
  void TearDown() override {
    ::sched_setaffinity(0, sizeof all_, &all_);
    if (!IsSkipped()) {
      EXPECT_TRUE(succeeded(netlink::add_route(world().socket(), default_route())));
    }
  }
  static netlink::RouteSpec default_route() {
    return {IpPrefix::of(ip("0.0.0.0"), 0),
            ip("192.0.2.1"),
            IfIndex(world().uplink()),
            false,
            IpAddress(),
            0};
  }
  static Frame packet_of(std::uint16_t sport) {
    Frame frame = udp();
    frame.sport = sport;
    return to_gateway(world(), kCatWeb, kServer, frame);
  }
  static int send(std::uint16_t sport) {
    return world().from_container(kCatWeb, packet_of(sport).bytes()).action;
  }
  // Whether a packet of the flow meets that end before patience does.
  static bool comes_to(std::uint16_t sport, int action) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (send(sport) != action) {
      if (std::chrono::steady_clock::now() > end) {
        return false;
      }
    }
    return true;
  }

private:
  cpu_set_t all_{};
};

TEST_F(Routes, AFlowThatNeverRestsSeesAChangedRoutingTable) {
  ASSERT_EQ(send(40001), kRedirect);
  ASSERT_TRUE(succeeded(netlink::remove_route(world().socket(), default_route())));
  EXPECT_TRUE(comes_to(40001, kUnspec)); // no way out: the stack answers
  EXPECT_EQ(send(40001), kUnspec);
  ASSERT_TRUE(succeeded(netlink::add_route(world().socket(), default_route())));
  EXPECT_TRUE(comes_to(40001, kRedirect));
}

TEST_F(Routes, AFailedQuestionIsNotRemembered) {
  ASSERT_TRUE(succeeded(netlink::remove_route(world().socket(), default_route())));
  ASSERT_EQ(send(40002), kUnspec);
  ASSERT_TRUE(succeeded(netlink::add_route(world().socket(), default_route())));
  EXPECT_EQ(send(40002), kRedirect);
}

TEST_F(Routes, AnotherFlowDoesNotUseWhatOneRemembers) {
  ASSERT_EQ(send(40003), kRedirect);
  ASSERT_TRUE(succeeded(netlink::remove_route(world().socket(), default_route())));
  for (std::uint16_t sport = 41000; sport < 45096; ++sport) { // every row of the memory
    ASSERT_EQ(send(sport), kUnspec) << sport;
  }
}

TEST_F(Routes, APacketAboveTheRememberedMtuAsks) {
  ASSERT_EQ(send(40004), kRedirect);
  Frame large = packet_of(40004);
  large.fragment = 0;
  large.payload.assign(1600, 'x');
  EXPECT_EQ(world().from_container(kCatWeb, large.bytes()).action, kUnspec); // the stack cuts it
}

} // namespace
} // namespace ebpfnet::packet
