// Neighbour discovery of IPv6: what is answered for others, what is refused, what goes on.
#include "tests/packet/ipv6.hpp"

namespace ebpfnet::packet {
namespace {

using NeighbourDiscovery = Ipv6World;

TEST_F(NeighbourDiscovery, SolicitationsAreAnsweredFromTheTable) {
  const Endpoint& db = world().at(kCatDb);
  const Endpoint& web = world().at(kCatWeb);
  expect_answer(kCatWeb, solicitation(kCatWeb, db.ip6), db.ip6, db.mac, false);
  expect_answer(kCatWeb, solicitation(kCatWeb, web.gateway6), web.gateway6, web.gateway_mac, true);
  Frame bare = solicitation(kCatWeb, db.ip6); // without the option, as probes are
  bare.payload.resize(16);
  expect_answer(kCatWeb, bare, db.ip6, db.mac, false);
  Frame local = solicitation(kCatWeb, db.ip6);
  local.src = link_local(web.mac);
  expect_answer(kCatWeb, local, db.ip6, db.mac, false);
}

TEST_F(NeighbourDiscovery, NobodyAnswersForTheAskerOrForAnotherNetwork) {
  expect_bridged(kCatWeb, solicitation(kCatWeb, world().at(kCatWeb).ip6).bytes());
  expect_bridged(kCatWeb, solicitation(kCatWeb, world().at(kDogWeb).ip6).bytes());
  Frame detection = solicitation(kCatWeb, world().at(kCatDb).ip6); // of duplicates
  detection.src = ip("::");
  detection.payload.resize(16);
  expect_bridged(kCatWeb, detection.bytes());
}

TEST_F(NeighbourDiscovery, EveryOptionIsLookedAt) {
  const Endpoint& db = world().at(kCatDb);
  const Endpoint& web = world().at(kCatWeb);
  const Bytes nonce = {14, 1, 1, 2, 3, 4, 5, 6};
  for (const Mac& told : {web.mac, db.mac}) {
    Frame behind = discovery(kCatWeb, 136, web.ip6, told, kAllNodes);
    behind.payload.insert(behind.payload.begin() + 16, nonce.begin(), nonce.end());
    if (told == web.mac) {
      expect_bridged(kCatWeb, behind.bytes());
    } else {
      expect_drop(kCatWeb, behind.bytes(), EBN_DROP_SPOOFED_ND);
    }
  }
  Frame endless = discovery(kCatWeb, 136, web.ip6, web.mac, kAllNodes);
  endless.payload[17] = 0;
  expect_drop(kCatWeb, endless.bytes(), EBN_DROP_SPOOFED_ND);
  Frame many = discovery(kCatWeb, 136, web.ip6, web.mac, kAllNodes);
  for (int i = 0; i < 4; ++i) {
    many.payload.insert(many.payload.begin() + 16, nonce.begin(), nonce.end());
  }
  expect_drop(kCatWeb, many.bytes(), EBN_DROP_SPOOFED_ND);
}

TEST_F(NeighbourDiscovery, FalseNeighbourDiscoveryIsRefused) {
  const Endpoint& db = world().at(kCatDb);
  const Endpoint& web = world().at(kCatWeb);
  expect_bridged(kCatWeb, discovery(kCatWeb, 136, web.ip6, web.mac, kAllNodes).bytes());
  expect_drop(kCatWeb, discovery(kCatWeb, 136, db.ip6, web.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 136, web.ip6, db.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 136, web.gateway6, web.mac, kAllNodes).bytes(),
              EBN_DROP_SPOOFED_ND);
  expect_drop(kCatWeb, discovery(kCatWeb, 135, db.ip6, db.mac, solicited_node(db.ip6)).bytes(),
              EBN_DROP_SPOOFED_ND);
  for (const std::uint8_t type : {134, 137}) {
    Frame router = discovery(kCatWeb, type, web.ip6, web.mac, kAllNodes);
    router.src = link_local(web.mac);
    expect_drop(kCatWeb, router.bytes(), EBN_DROP_ROUTER_ADVERTISEMENT);
  }
  Frame far = solicitation(kCatWeb, db.ip6);
  far.ttl = 254;
  expect_drop(kCatWeb, far.bytes(), EBN_DROP_MALFORMED);
  world().set_endpoint_flags(kCatWeb, EBN_EP_SPOOF_OK);
  expect_bridged(kCatWeb, discovery(kCatWeb, 136, db.ip6, web.mac, kAllNodes).bytes());
}

TEST_F(NeighbourDiscovery, GroupsAndSolicitationsOfRoutersGoToTheBridge) {
  Frame group = neighbour(kCatWeb, kCatDb, udp());
  group.dst = ip("ff02::fb");
  group.eth_dst = group_mac(group.dst);
  expect_bridged(kCatWeb, group.bytes());
  Frame ask = discovery(kCatWeb, 133, ip("::"), world().at(kCatWeb).mac, ip("ff02::2"));
  expect_bridged(kCatWeb, ask.bytes());
  Frame report = group; // of listeners, before there is an address
  report.src = ip("::");
  report.proto = kIcmp6;
  report.icmp_type = 143;
  report.dst = ip("ff02::16");
  report.eth_dst = group_mac(report.dst);
  expect_bridged(kCatWeb, report.bytes());
}

} // namespace
} // namespace ebpfnet::packet
