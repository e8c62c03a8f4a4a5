// What the host sends by an uplink, for itself and for packets of sandboxes that took the way
// through its stack.
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");

class TcToUplink : public PacketTest {
protected:
  // As the stack forwards it: the router's MAC address, one hop less.
  Frame forwarded(const IpAddress& from, Frame frame) {
    frame.eth_dst = world().router_mac();
    frame.eth_src = world().uplink_mac();
    frame.src = from;
    frame.dst = kServer;
    frame.sport = 40000;
    frame.dport = 80;
    frame.ttl = 63;
    return frame;
  }
  Frame expect_masqueraded(std::uint32_t network, const Frame& sent) {
    const Outcome out = world().to_uplink(network, sent.bytes());
    EXPECT_EQ(out.action, kUnspec);
    Frame outside = sent;
    outside.src = world().host();
    outside.sport = source_port(out.bytes);
    EXPECT_EQ(out.bytes, outside.bytes());
    EXPECT_GE(outside.sport, world().config().masq_first);
    return outside;
  }
  void expect_dropped(std::uint32_t network, const Bytes& bytes, ebn_drop_reason reason) {
    EXPECT_EQ(world().to_uplink(network, bytes).action, kShot);
    EXPECT_EQ(world().drops(network, reason), 1U);
  }
};

TEST_F(TcToUplink, LeavesTheHostsOwnPacketsAlone) {
  const Bytes own = forwarded(world().host(), udp()).bytes();
  const Outcome out = world().to_uplink(0, own);
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, own);
  EXPECT_TRUE(new_flows(world()).empty());
}

TEST_F(TcToUplink, MasqueradesWhatASandboxSentThroughTheStack) {
  const Frame sent = forwarded(world().at(kCatWeb).ip, udp());
  const Frame outside = expect_masqueraded(kCat, sent);
  EXPECT_EQ(expect_masqueraded(kCat, sent).sport, outside.sport);
  const Frame reply = answer_to(outside, udp());
  Frame arrived = routed_into(world(), kCatWeb, reply);
  arrived.dst = world().at(kCatWeb).ip;
  arrived.dport = 40000;
  EXPECT_EQ(world().from_uplink(reply.bytes()).bytes, arrived.bytes());
}

TEST_F(TcToUplink, FindsTheTwinBehindTheAddressThatTheHostSees) {
  const Frame outside =
      expect_masqueraded(kTwin, forwarded(world().at(kTwinWeb).host_address, udp()));
  const Outcome back = world().from_uplink(answer_to(outside, udp()).bytes());
  EXPECT_EQ(back.action, kRedirect);
  EXPECT_EQ(world().packets(kTwin, EBN_PATH_IN), 1U);
}

TEST_F(TcToUplink, NeverLetsASandboxesAddressOut) {
  expect_dropped(kCat, forwarded(ip("172.18.0.99"), udp()).bytes(), EBN_DROP_SPOOFED_IP);
  expect_dropped(kDog, forwarded(world().at(kCatWeb).ip, udp()).bytes(), EBN_DROP_SPOOFED_IP);
  expect_dropped(kInternal, forwarded(world().at(kInternalA).ip, udp()).bytes(), EBN_DROP_INTERNAL);
  expect_dropped(kCat, forwarded(world().at(kCatWeb).ip, tcp(kAck)).bytes(), EBN_DROP_NO_FLOW);
  Frame gre = forwarded(world().at(kCatWeb).ip, udp());
  gre.proto = 47;
  expect_dropped(kCat, gre.bytes(), EBN_DROP_UNSUPPORTED_PROTOCOL);
}

TEST_F(TcToUplink, LeavesAloneWhatADeviceAboveItTranslated) {
  // The uplink under a VLAN that is an uplink too.
  const Bytes translated = forwarded(world().host(), udp()).bytes();
  const Outcome out = world().to_uplink(kCat, translated);
  EXPECT_EQ(out.action, kUnspec);
  EXPECT_EQ(out.bytes, translated);
  EXPECT_EQ(world().all_drops(), 0U);
}

TEST_F(TcToUplink, KeepsTheMasqueradeSettingOfTheNetwork) {
  world().set_network_flags(kCat, EBN_NET_IN_USE);
  expect_dropped(kCat, forwarded(world().at(kCatWeb).ip, udp()).bytes(), EBN_DROP_NO_MASQUERADE);
}

TEST_F(TcToUplink, DropsCutPacketsOfSandboxes) {
  const Bytes bytes = forwarded(world().at(kCatWeb).ip, udp()).bytes();
  for (std::size_t length = 34; length < bytes.size(); ++length) {
    EXPECT_EQ(world()
                  .to_uplink(kCat, Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)))
                  .action,
              kShot);
  }
  EXPECT_EQ(world().drops(kCat, EBN_DROP_MALFORMED), bytes.size() - 34);
}

} // namespace
} // namespace ebpfnet::packet
