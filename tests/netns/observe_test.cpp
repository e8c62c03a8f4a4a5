// What others do: changes that the monitor reports, ports that other processes hold.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/monitor.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/netlink/sock_diag.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::netlink {
namespace {

class Observe : public NetnsTest {
protected:
  // Bound, and listening when it is TCP; lives as long as the fd.
  static UniqueFd bound(int family, int type, const char* address, std::uint16_t port,
                        bool v6_only = false) {
    UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
    const int on = v6_only ? 1 : 0;
    sockaddr_storage storage{};
    if (family == AF_INET6) {
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      ::inet_pton(AF_INET6, address, &v6.sin6_addr);
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      ::inet_pton(AF_INET, address, &v4.sin_addr);
    }
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), sizeof(storage)), 0)
        << std::strerror(errno);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(fd.get(), 1), 0) << std::strerror(errno);
    }
    return fd;
  }
  static std::optional<SocketOwner> owner(const char* protocol, std::uint16_t first,
                                          std::uint16_t last, const char* address) {
    auto found = find_listener(protocol, first, last, ip(address));
    EXPECT_OK(found);
    return found ? *found : std::nullopt;
  }
  static bool readable(const Monitor& monitor) {
    pollfd poll_fd{monitor.fd(), POLLIN, 0};
    return ::poll(&poll_fd, 1, 2000) == 1;
  }
};

TEST_F(Observe, MonitorIsQuietUntilSomethingChanges) {
  Monitor monitor = Monitor::open().value();
  bool resync = true;
  EXPECT_FALSE(monitor.drain(&resync).value());
  EXPECT_FALSE(resync);
  const IfIndex bridge = new_bridge();
  EXPECT_TRUE(readable(monitor));
  EXPECT_TRUE(monitor.drain(&resync).value());
  EXPECT_FALSE(resync);
  ASSERT_OK(add_address(socket(), bridge, ip("192.0.2.1"), 24, true));
  EXPECT_TRUE(readable(monitor));
  EXPECT_TRUE(monitor.drain(nullptr).value());
  ASSERT_OK(
      add_route(socket(), {IpPrefix::from("198.51.100.0/24").value(), {}, bridge, false, {}, 0}));
  EXPECT_TRUE(readable(monitor));
  EXPECT_TRUE(monitor.drain(nullptr).value());
}

TEST_F(Observe, MonitorPassesOverChosenInterfacesButNotTheirAddresses) {
  const IfIndex bridge = new_bridge();
  Monitor monitor = Monitor::open([&](IfIndex index) { return index == bridge; }).value();
  ASSERT_OK(set_link_alias(socket(), bridge, "changed"));
  ASSERT_OK(
      add_route(socket(), {IpPrefix::from("198.51.100.0/24").value(), {}, bridge, false, {}, 0}));
  EXPECT_TRUE(readable(monitor));
  EXPECT_FALSE(monitor.drain(nullptr).value());
  ASSERT_OK(add_address(socket(), bridge, ip("192.0.2.1"), 24, true));
  EXPECT_TRUE(readable(monitor));
  EXPECT_TRUE(monitor.drain(nullptr).value());
  ASSERT_OK(set_link_up(socket(), IfIndex(1)));
  EXPECT_TRUE(readable(monitor));
  EXPECT_TRUE(monitor.drain(nullptr).value());
}

TEST_F(Observe, MonitorAsksForAResyncWhenEventsWereLost) {
  Monitor monitor = Monitor::open().value();
  const int tiny = 1;
  ASSERT_EQ(::setsockopt(monitor.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
  const IfIndex bridge = new_bridge();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(set_link_alias(socket(), bridge, fmt::format("alias {}", i)));
  }
  bool resync = false;
  EXPECT_TRUE(monitor.drain(&resync).value());
  EXPECT_TRUE(resync);
}

TEST_F(Observe, ListenerIsFoundWithTheProcessThatHoldsIt) {
  const UniqueFd listener = bound(AF_INET, SOCK_STREAM, "127.0.0.1", 8000);
  const auto found = owner("tcp", 7990, 8010, "0.0.0.0");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->port, 8000);
  EXPECT_EQ(found->address, ip("127.0.0.1"));
  EXPECT_EQ(found->protocol, "tcp");
  EXPECT_EQ(found->pid, ::getpid());
  std::string command;
  std::getline(std::ifstream("/proc/self/comm"), command);
  EXPECT_EQ(found->process, fmt::format("{} (pid {})", command, ::getpid()));
}

TEST_F(Observe, PortsOutsideTheRangeAndOtherProtocolsAndAddressesAreFree) {
  const UniqueFd listener = bound(AF_INET, SOCK_STREAM, "127.0.0.1", 8000);
  EXPECT_FALSE(owner("tcp", 8001, 9000, "0.0.0.0"));
  EXPECT_FALSE(owner("udp", 8000, 8000, "0.0.0.0"));
  EXPECT_FALSE(owner("tcp", 8000, 8000, "127.0.0.2"));
  EXPECT_TRUE(owner("tcp", 8000, 8000, "127.0.0.1"));
}

TEST_F(Observe, BoundTcpSocketThatDoesNotListenIsNoListener) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(8000);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_FALSE(owner("tcp", 8000, 8000, "0.0.0.0"));
}

TEST_F(Observe, UdpSocketIsFoundAlsoWhenItIsConnected) {
  const UniqueFd plain = bound(AF_INET, SOCK_DGRAM, "0.0.0.0", 5353);
  ASSERT_TRUE(owner("udp", 5353, 5353, "192.0.2.1"));
  EXPECT_EQ(owner("udp", 5353, 5353, "192.0.2.1")->pid, ::getpid());
  const UniqueFd connected = bound(AF_INET, SOCK_DGRAM, "127.0.0.1", 6000);
  sockaddr_in self{};
  socklen_t bytes = sizeof(self);
  ASSERT_EQ(::getsockname(plain.get(), reinterpret_cast<sockaddr*>(&self), &bytes), 0);
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Socket lo = Socket::open().value();
  ASSERT_OK(set_link_up(lo, IfIndex(1)));
  ASSERT_EQ(::connect(connected.get(), reinterpret_cast<const sockaddr*>(&self), bytes), 0)
      << std::strerror(errno);
  EXPECT_TRUE(owner("udp", 6000, 6000, "0.0.0.0"));
}

TEST_F(Observe, DualStackListenerTakesIpv4TooAndV6OnlyDoesNot) {
  const UniqueFd dual = bound(AF_INET6, SOCK_STREAM, "::", 8000);
  EXPECT_TRUE(owner("tcp", 8000, 8000, "0.0.0.0"));
  const UniqueFd v6_only = bound(AF_INET6, SOCK_STREAM, "::", 8001, true);
  EXPECT_FALSE(owner("tcp", 8001, 8001, "0.0.0.0"));
  EXPECT_TRUE(owner("tcp", 8001, 8001, "::"));
}

TEST_F(Observe, ListenersOfOtherNamespacesDoNotCount) {
  const UniqueFd listener = bound(AF_INET, SOCK_STREAM, "0.0.0.0", 8000);
  const UniqueFd netns = new_netns("a");
  const auto inside =
      in_netns(netns.get(), [] { return find_listener("tcp", 8000, 8000, IpAddress()); });
  ASSERT_OK(inside);
  EXPECT_FALSE(inside->has_value());
}

} // namespace
} // namespace ebpfnet::netlink
