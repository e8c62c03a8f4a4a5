// What reaches sandboxes by the slow path: the bridge and the host's stack.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

class TcToContainer : public PacketTest {
protected:
  Frame incoming(std::uint32_t slot) {
    const Endpoint& ep = world().at(slot);
    Frame out = udp();
    out.eth_dst = ep.mac;
    out.eth_src = ep.gateway_mac;
    out.src = ep.gateway;
    out.dst = ep.ip;
    out.sport = 53;
    out.dport = 40000;
    return out;
  }
  void expect_passed(std::uint32_t slot, std::uint32_t came_by) {
    const Bytes bytes = incoming(slot).bytes();
    const Outcome out = world().to_container(slot, came_by, bytes);
    EXPECT_EQ(out.action, kUnspec);
    EXPECT_EQ(out.bytes, bytes);
    EXPECT_EQ(world().all_drops(), 0U);
  }
  void expect_dropped(std::uint32_t slot, std::uint32_t came_by, ebn_drop_reason reason) {
    const Outcome out = world().to_container(slot, came_by, incoming(slot).bytes());
    EXPECT_EQ(out.action, kShot);
    EXPECT_EQ(world().drops(world().at(slot).network, reason), 1U);
    EXPECT_EQ(world().all_drops(), 1U);
  }
};

TEST_F(TcToContainer, PassesWhatTheHostItselfSends) {
  expect_passed(kCatWeb, 0);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_HOST), 1U);
}

TEST_F(TcToContainer, PassesWhatTheOwnBridgeCarriesFromANeighbour) {
  expect_passed(kCatWeb, world().at(kCatDb).veth());
}

TEST_F(TcToContainer, PassesWhatTheHostRoutedBackIntoTheSameNetwork) {
  expect_passed(kCatWeb, world().at(kCatWeb).bridge());
}

TEST_F(TcToContainer, DropsWhatTheBridgeCarriesWhereNeighboursMayNotTalk) {
  expect_dropped(kNoIccA, world().at(kNoIccB).veth(), EBN_DROP_NO_ICC);
}

TEST_F(TcToContainer, DropsWhatTheHostRoutesBackWhereNeighboursMayNotTalk) {
  expect_dropped(kNoIccA, world().at(kNoIccA).bridge(), EBN_DROP_NO_ICC);
}

TEST_F(TcToContainer, DropsWhatTheHostRoutedFromAnotherNetwork) {
  expect_dropped(kCatWeb, world().at(kDogWeb).bridge(), EBN_DROP_ISOLATED);
}

TEST_F(TcToContainer, DropsWhatCameFromAnEndpointOfAnotherNetwork) {
  expect_dropped(kCatWeb, world().at(kTwinWeb).veth(), EBN_DROP_ISOLATED);
}

TEST_F(TcToContainer, DropsWhatTheHostForwardsFromOutside) {
  expect_dropped(kCatWeb, world().uplink(), EBN_DROP_DIRECT_ACCESS);
}

TEST_F(TcToContainer, DropsEverythingForAnInterfaceWithoutRecord) {
  const Bytes bytes = incoming(kCatWeb).bytes();
  ASSERT_TRUE(succeeded(world().maps().endpoints.put(kCatWeb, {})));
  EXPECT_EQ(world().to_container(kCatWeb, 0, bytes).action, kShot);
  EXPECT_EQ(world().drops(0, EBN_DROP_UNKNOWN_ENDPOINT), 1U);
}

TEST_F(TcToContainer, GivesATwinItsOwnAddressBack) {
  Frame sent = incoming(kTwinWeb);
  sent.dst = world().at(kTwinWeb).host_address;
  Frame expected = sent;
  expected.dst = world().at(kTwinWeb).ip;
  const Outcome out = world().to_container(kTwinWeb, 0, sent.bytes());
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, expected.bytes());
}

} // namespace
} // namespace ebpfnet::packet
