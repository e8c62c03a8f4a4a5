// Programs at work on real devices: where a packet goes, which a test run cannot show.
#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "tests/packet/live.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kServer = ip("203.0.113.7");
const IpAddress kRouter = ip("192.0.2.1");

class Live : public LivePacketTest {
protected:
  void SetUp() override {
    LivePacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    attach_all(world());
  }
  Wire sandbox(std::uint32_t slot) { return Wire(world().sandbox_netns(slot)); }
  Wire outside() { return Wire(world().outside_netns()); }
};

TEST_F(Live, ShortCutReachesTheNeighbourAndNobodyElse) {
  Wire web = sandbox(kCatWeb);
  Wire db = sandbox(kCatDb);
  Wire dog = sandbox(kDogWeb);
  Wire twin = sandbox(kTwinWeb);
  const Bytes sent = to_neighbour(world(), kCatWeb, kCatDb, udp()).bytes();
  web.send(sent);
  EXPECT_EQ(db.receive(), sent);
  EXPECT_TRUE(db.is_silent());
  EXPECT_TRUE(dog.is_silent());
  EXPECT_TRUE(twin.is_silent());
}

TEST_F(Live, BroadcastReachesEveryMemberOnce) {
  Wire web = sandbox(kCatWeb);
  Wire db = sandbox(kCatDb);
  Wire dog = sandbox(kDogWeb);
  Wire twin = sandbox(kTwinWeb);
  Frame frame = to_neighbour(world(), kCatWeb, kCatDb, udp());
  frame.eth_dst = broadcast();
  frame.dst = ip("172.18.255.255");
  web.send(frame.bytes());
  EXPECT_EQ(db.receive(), frame.bytes());
  EXPECT_TRUE(db.is_silent());
  EXPECT_TRUE(dog.is_silent());
  EXPECT_TRUE(twin.is_silent());
}

TEST_F(Live, ArpAnswerComesBackToTheAsker) {
  Wire web = sandbox(kCatWeb);
  const Endpoint& ep = world().at(kCatWeb);
  web.send(Arp{broadcast(), ep.mac, 1, ep.mac, ep.ip, Mac(), ep.gateway}.bytes());
  EXPECT_EQ(web.receive(),
            (Arp{ep.mac, ep.gateway_mac, 2, ep.gateway_mac, ep.gateway, ep.mac, ep.ip}.bytes()));
}

TEST_F(Live, MasqueradedPacketLeavesByTheUplinkAndItsReplyComesBack) {
  Wire web = sandbox(kCatWeb);
  Wire router = outside();
  const Frame sent = to_gateway(world(), kCatWeb, kServer, udp());
  web.send(sent.bytes());
  const Bytes seen = router.receive();
  ASSERT_GE(seen.size(), 42U);
  Frame expected = sent;
  expected.eth_dst = world().router_mac();
  expected.eth_src = world().uplink_mac();
  expected.src = world().host();
  expected.sport = source_port(seen);
  expected.ttl = 63;
  EXPECT_EQ(seen, expected.bytes());

  const Frame reply = answer_to(expected, udp());
  router.send(reply.bytes());
  Frame arrived = routed_into(world(), kCatWeb, reply);
  arrived.dst = sent.src;
  arrived.dport = sent.sport;
  EXPECT_EQ(web.receive(), arrived.bytes());
}

TEST_F(Live, FragmentsOfThePathThroughTheStackAreMasqueraded) {
  // Larger than the uplink's MTU and free to be cut: the host's stack cuts it, tc_to_uplink
  // translates.
  ASSERT_TRUE(succeeded(netlink::set_link_mtu(world().socket(), IfIndex(world().uplink()), 1000)));
  Wire router = outside();
  Wire web = sandbox(kCatWeb);
  Frame sent = to_gateway(world(), kCatWeb, kServer, udp());
  sent.sport = 40106; // a flow that does not remember the larger MTU from a moment ago
  sent.fragment = 0;
  sent.payload.assign(1400, 'x');
  web.send(sent.bytes());
  const Bytes first = router.receive();
  const Bytes second = router.receive();
  EXPECT_TRUE(succeeded(netlink::set_link_mtu(world().socket(), IfIndex(world().uplink()), 1500)));
  ASSERT_GE(first.size(), 42U);
  ASSERT_GE(second.size(), 35U);
  for (const Bytes& part : {first, second}) {
    EXPECT_EQ(Bytes(part.begin() + 26, part.begin() + 30), (Bytes{192, 0, 2, 10}));
  }
  // Put together again they are the datagram with a right checksum.
  Frame whole = sent;
  whole.src = world().host();
  whole.sport = source_port(first);
  Bytes transport(first.begin() + 34, first.end());
  transport.insert(transport.end(), second.begin() + 34, second.end());
  EXPECT_EQ(transport, whole.transport());
}

TEST_F(Live, CountsFramesTooShortForAnIpHeader) {
  Wire web = sandbox(kCatWeb);
  const Bytes whole = to_neighbour(world(), kCatWeb, kCatDb, udp()).bytes();
  for (std::size_t length = 15; length < 34; ++length) {
    web.send(Bytes(whole.begin(), whole.begin() + static_cast<long>(length)));
    EXPECT_EQ(world().drops(kCat, EBN_DROP_MALFORMED), length - 14);
  }
}

TEST_F(Live, DropsVlanTagsThatTheDeviceTookOff) {
  Wire web = sandbox(kCatWeb);
  const Bytes inner = to_neighbour(world(), kCatWeb, kCatDb, udp()).ip_packet();
  Bytes tagged = {0, 5, 8, 0};
  tagged.insert(tagged.end(), inner.begin(), inner.end());
  web.send(ethernet(world().at(kCatDb).mac, world().at(kCatWeb).mac, 0x8100, tagged));
  EXPECT_EQ(world().drops(kCat, EBN_DROP_VLAN_TAGGED), 1U);
}

TEST_F(Live, LeavesFramesOfAVlanToTheDeviceOfTheVlan) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  Wire router = outside();
  Wire web = sandbox(kCatWeb);
  const auto tagged = [&](std::uint8_t vlan, std::uint16_t source_port) {
    Frame frame = udp();
    frame.sport = source_port;
    frame = from_outside(world(), kServer, frame);
    Bytes body = {0, vlan, 8, 0};
    const Bytes packet = frame.ip_packet();
    body.insert(body.end(), packet.begin(), packet.end());
    router.send(ethernet(world().uplink_mac(), world().router_mac(), 0x8100, body));
  };
  tagged(5, 51005);
  tagged(0, 51000); // a priority, no VLAN
  EXPECT_EQ(source_port(web.receive()), 51000);
  EXPECT_EQ(world().packets(kCat, EBN_PATH_IN), 1U);
}

TEST_F(Live, RefusesWhatTheHostForwardsToAnEndpoint) {
  ASSERT_TRUE(succeeded(world().plane().detach_uplink(IfIndex(world().uplink()))));
  Wire router = outside();
  Wire web = sandbox(kCatWeb);
  Frame direct = udp();
  direct.dport = 5000;
  direct = from_outside(world(), kServer, direct);
  direct.dst = world().at(kCatWeb).ip;
  router.send(direct.bytes());
  EXPECT_TRUE(web.is_silent());
}

// Real sockets: what the kernel's own TCP makes of the translated packets, with the checksum
// offloads of veth pairs.
class LiveSockets : public Live {
protected:
  static void SetUpTestSuite() {
    Live::SetUpTestSuite();
    if (::geteuid() != 0) {
      return;
    }
    give_address(world().sandbox_netns(kCatWeb), world().at(kCatWeb).ip, 16,
                 world().at(kCatWeb).gateway);
    give_address(world().outside_netns(), kRouter, 24, {});
    auto outside = netlink::Socket::open_in(world().outside_netns()).value();
    EXPECT_TRUE(succeeded(netlink::add_address(outside, IfIndex(1), kServer, 32, false)));
  }
  static sockaddr_in name(const IpAddress& address, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(address.v4());
    return out;
  }
  UniqueFd tcp_socket(int netns) {
    UniqueFd out = netlink::open_socket_in(netns, AF_INET, SOCK_STREAM, 0).value();
    const timeval limit{3, 0};
    ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return out;
  }
  UniqueFd listener(int netns, std::uint16_t port) {
    UniqueFd out = tcp_socket(netns);
    const sockaddr_in any = name(ip("0.0.0.0"), port);
    EXPECT_EQ(::bind(out.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(::listen(out.get(), 8), 0);
    return out;
  }
  // Connects `client` to an address where `server` listens, talks both ways, then lets all state be
  // lost: the client's next word is answered by a reset.
  void expect_talk_and_reset(const UniqueFd& client, const UniqueFd& server,
                             const sockaddr_in& to) {
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0)
        << std::strerror(errno);
    const UniqueFd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(accepted) << std::strerror(errno);
    const std::string large(200000, 'x'); // many segments in one packet (GSO)
    std::string received(large.size(), '\0');
    ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
    ASSERT_EQ(::recv(accepted.get(), received.data(), 5, MSG_WAITALL), 5);
    ASSERT_EQ(::send(accepted.get(), large.data(), large.size(), 0),
              static_cast<ssize_t>(large.size()));
    ASSERT_EQ(::recv(client.get(), received.data(), received.size(), MSG_WAITALL),
              static_cast<ssize_t>(large.size()));
    EXPECT_EQ(world().all_drops(), 0U);
    for (const ebn_flow_key& key : flows(world())) {
      ASSERT_TRUE(succeeded(world().maps().flows.remove(key)));
    }
    ASSERT_EQ(::send(client.get(), "again", 5, 0), 5);
    char byte = 0;
    EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
    EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), 1U);
  }
};

TEST_F(LiveSockets, ASandboxTalksToTheOutsideAndLearnsWhenTheStateIsLost) {
  const UniqueFd server = listener(world().outside_netns(), 80);
  const UniqueFd client = tcp_socket(world().sandbox_netns(kCatWeb));
  expect_talk_and_reset(client, server, name(kServer, 80));
}

TEST_F(LiveSockets, AClientOutsideTalksToAPublishedPortAndLearnsWhenTheStateIsLost) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  const UniqueFd server = listener(world().sandbox_netns(kCatWeb), 5000);
  const UniqueFd client = tcp_socket(world().outside_netns());
  expect_talk_and_reset(client, server, name(world().host(), 8000));
}

TEST_F(LiveSockets, UdpToAClosedPortOutsideFailsWithConnectionRefused) {
  const UniqueFd client =
      netlink::open_socket_in(world().sandbox_netns(kCatWeb), AF_INET, SOCK_DGRAM, 0).value();
  const timeval limit{3, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in to = name(kServer, 9);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(LiveSockets, UdpToAClosedPortBehindAPublishedOneFailsWithConnectionRefused) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  const UniqueFd client =
      netlink::open_socket_in(world().outside_netns(), AF_INET, SOCK_DGRAM, 0).value();
  const timeval limit{3, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in to = name(world().host(), 8000);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

} // namespace
} // namespace ebpfnet::packet
