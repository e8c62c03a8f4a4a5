// An uplink without Ethernet headers (tun, WireGuard, PPP): headers are added on the way in and
// left off on the way out.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/sysctl.hpp"
#include "maps/view/convert.hpp"
#include "tests/packet/live.hpp"
#include "tests/packet/packets.hpp"

namespace ebpfnet::packet {
namespace {

const IpAddress kPeer = ip("198.18.0.2");
const IpAddress kTunnelAddress = ip("198.18.0.1");

class Layer3Uplink : public LivePacketTest {
protected:
  void SetUp() override {
    LivePacketTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    tun_.reset(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    if (!tun_) {
      GTEST_SKIP() << "needs /dev/net/tun";
    }
    ifreq request{};
    std::strncpy(request.ifr_name, "tun0", IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    ASSERT_EQ(::ioctl(tun_.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
    static_cast<void>(netlink::write_sysctl("net/ipv6/conf/tun0/disable_ipv6", "1"));
    index_ = netlink::find_link(world().socket(), "tun0").value()->index;
    ASSERT_TRUE(succeeded(netlink::set_link_up(world().socket(), index_)));
    ASSERT_TRUE(
        succeeded(netlink::add_address(world().socket(), index_, kTunnelAddress, 30, false)));
    const ebn_uplink record{view::to_abi(kTunnelAddress), {}};
    ASSERT_TRUE(succeeded(world().maps().uplinks.put(index_.value, record)));
    ASSERT_TRUE(succeeded(world().maps().host_addrs.put(record.addr4, 1)));
    ASSERT_TRUE(succeeded(world().plane().attach_uplink(index_, false)));
    ASSERT_TRUE(succeeded(world().plane().attach_container(IfIndex(world().at(kCatWeb).veth()))));
  }
  void send(const Frame& frame) {
    const Bytes packet = frame.ip_packet();
    ASSERT_EQ(::write(tun_.get(), packet.data(), packet.size()),
              static_cast<ssize_t>(packet.size()));
  }
  Bytes receive() {
    Bytes out(2000);
    pollfd ready{tun_.get(), POLLIN, 0};
    const auto size = ::poll(&ready, 1, 1000) == 1 ? ::read(tun_.get(), out.data(), out.size()) : 0;
    out.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return out;
  }
  Frame from_peer(const Frame& kind) {
    Frame out = from_outside(world(), kPeer, kind);
    out.dst = kTunnelAddress;
    return out;
  }

  UniqueFd tun_;
  IfIndex index_;
};

TEST_F(Layer3Uplink, ServesAPublishedPort) {
  world().publish(kUdp, 8000, 8000, {}, kCatWeb, 5000);
  Wire web(world().sandbox_netns(kCatWeb));
  const Frame request = from_peer(udp());
  send(request);
  Frame arrived = routed_into(world(), kCatWeb, request);
  arrived.dst = world().at(kCatWeb).ip;
  arrived.dport = 5000;
  EXPECT_EQ(web.receive(), arrived.bytes());

  const Frame answer = answer_to(arrived, udp());
  web.send(answer.bytes());
  Frame outside = answer;
  outside.src = kTunnelAddress;
  outside.sport = 8000;
  outside.ttl = 63;
  EXPECT_EQ(receive(), outside.ip_packet());
}

TEST_F(Layer3Uplink, MasqueradesAndBringsTheReplyBack) {
  Wire web(world().sandbox_netns(kCatWeb));
  const Frame sent = to_gateway(world(), kCatWeb, kPeer, udp());
  web.send(sent.bytes());
  const Bytes seen = receive();
  ASSERT_GE(seen.size(), 28U);
  Frame outside = sent;
  outside.src = kTunnelAddress;
  outside.sport = port_at(seen, 20);
  outside.ttl = 63;
  EXPECT_EQ(seen, outside.ip_packet());

  const Frame reply = answer_to(outside, udp());
  send(reply);
  Frame arrived = routed_into(world(), kCatWeb, reply);
  arrived.eth_dst = world().at(kCatWeb).mac;
  arrived.eth_src = world().at(kCatWeb).gateway_mac;
  arrived.dst = sent.src;
  arrived.dport = sent.sport;
  EXPECT_EQ(web.receive(), arrived.bytes());
}

TEST_F(Layer3Uplink, ResetsUnknownConnections) {
  world().publish(kTcp, 8000, 8000, {}, kCatWeb, 5000);
  const Frame stray = from_peer(tcp(kAck));
  send(stray);
  const Bytes reset = receive();
  ASSERT_EQ(reset.size(), 40U);
  EXPECT_EQ(port_at(reset, 20), 8000);
  EXPECT_EQ(reset[33], kRst);
  EXPECT_EQ(world().drops(kCat, EBN_DROP_NO_FLOW), 1U);
}

} // namespace
} // namespace ebpfnet::packet
