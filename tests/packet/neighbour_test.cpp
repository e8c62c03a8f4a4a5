// Whom a neighbour's address means: what was found last time is followed only as long as the
// endpoint's record says the same.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

constexpr std::uint32_t kRows = 4096;

// As neighbour_slot() of bpf/lib/endpoint.bpf.h: which addresses share a row.
std::uint32_t row_of(std::uint32_t network, const IpAddress& address) {
  return ((view::to_abi(address).w[3] ^ network) * 2654435761U) >> 20;
}

class Neighbour : public PacketTest {
protected:
  static Frame frame(std::uint32_t from, std::uint32_t to) {
    return to_neighbour(world(), from, to, udp());
  }
  static ebn_endpoint record(std::uint32_t slot) {
    return world().maps().endpoints.get(slot).value().value();
  }
  static void put(std::uint32_t slot, const ebn_endpoint& record) {
    ASSERT_TRUE(succeeded(world().maps().endpoints.put(slot, record)));
  }
  static void expect_short_cut(std::uint32_t network, std::uint32_t from, const Frame& sent) {
    const std::uint64_t before = world().packets(network, EBN_PATH_LOCAL);
    EXPECT_EQ(world().from_container(from, sent.bytes()).action, kRedirect);
    EXPECT_EQ(world().packets(network, EBN_PATH_LOCAL), before + 1);
  }
  static void expect_bridged(std::uint32_t network, std::uint32_t from, const Frame& sent) {
    const std::uint64_t before = world().packets(network, EBN_PATH_BRIDGE);
    EXPECT_EQ(world().from_container(from, sent.bytes()).action, kUnspec);
    EXPECT_EQ(world().packets(network, EBN_PATH_BRIDGE), before + 1);
  }
};

TEST_F(Neighbour, IsReachedAgainAndAgain) {
  for (int i = 0; i < 3; ++i) {
    expect_short_cut(kCat, kCatWeb, frame(kCatWeb, kCatDb));
  }
}

TEST_F(Neighbour, IsNoLongerReachedWhenItsSlotIsFree) {
  const Frame sent = frame(kCatWeb, kCatDb);
  expect_short_cut(kCat, kCatWeb, sent);
  put(kCatDb, {});
  expect_bridged(kCat, kCatWeb, sent);
}

TEST_F(Neighbour, IsNotWhoeverHasItsSlotNow) {
  const Frame sent = frame(kCatWeb, kCatDb);
  expect_short_cut(kCat, kCatWeb, sent);
  ebn_endpoint other = record(kCatDb);
  other.addr4 = view::to_abi(ip("172.18.0.77"));
  put(kCatDb, other);
  ASSERT_TRUE(succeeded(world().maps().destinations.remove({kCat, view::to_abi(sent.dst)})));
  expect_bridged(kCat, kCatWeb, sent);
}

TEST_F(Neighbour, IsFoundInItsNewSlot) {
  const Frame sent = frame(kCatWeb, kCatDb);
  expect_short_cut(kCat, kCatWeb, sent);
  ebn_endpoint moved = record(kCatDb);
  put(kCatDb, {});
  moved.mtu = 20; // tells that this record was used: smaller than the packet
  put(kTwinWeb, moved);
  ebn_dest dest = world().maps().destinations.get({kCat, moved.addr4}).value().value();
  dest.slot = kTwinWeb;
  ASSERT_TRUE(succeeded(world().maps().destinations.put({kCat, moved.addr4}, dest)));
  EXPECT_EQ(world().from_container(kCatWeb, sent.bytes()).action, kShot);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_TOO_BIG), 1U);
}

TEST_F(Neighbour, IsNeverTheSameAddressOfAnotherNetwork) {
  const IpAddress address = world().at(kCatDb).ip;
  std::uint32_t network = kNetworks;
  while (row_of(network, address) != row_of(kCat, address)) {
    ASSERT_LT(++network, kRows) << "no network shares a row with this address";
  }
  // The other network: dog-web speaks to an endpoint that has cat-db's address, and no room.
  ASSERT_TRUE(succeeded(
      world().maps().networks.put(network, world().maps().networks.get(kCat).value().value())));
  ebn_endpoint speaker = record(kDogWeb);
  speaker.network = network;
  put(kDogWeb, speaker);
  ebn_endpoint twin = record(kCatDb);
  twin.network = network;
  twin.mtu = 20;
  put(kTwinWeb, twin);
  ebn_dest dest = world().maps().destinations.get({kCat, twin.addr4}).value().value();
  dest.slot = kTwinWeb;
  ASSERT_TRUE(succeeded(world().maps().destinations.put({network, twin.addr4}, dest)));
  Frame other = frame(kCatWeb, kCatDb);
  other.eth_src = world().at(kDogWeb).mac;
  other.src = world().at(kDogWeb).ip;
  ASSERT_EQ(world().from_container(kDogWeb, other.bytes()).action, kShot);
  ASSERT_EQ(world().drops(network, EBN_DROP_TOO_BIG), 1U);

  expect_short_cut(kCat, kCatWeb, frame(kCatWeb, kCatDb));

  ASSERT_TRUE(succeeded(world().maps().destinations.remove({network, twin.addr4})));
  ASSERT_TRUE(succeeded(world().maps().networks.put(network, {})));
  ASSERT_TRUE(succeeded(world().maps().counters.reset(NetworkIndex(network))));
}

} // namespace
} // namespace ebpfnet::packet
