#include "tests/packet/live.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/route.hpp"

namespace ebpfnet::packet {

Wire::Wire(int netns_fd) {
  auto netlink = netlink::Socket::open_in(netns_fd).value();
  ifindex_ = static_cast<int>(netlink::find_link(netlink, "eth0").value()->index.value);
  socket_ = netlink::open_socket_in(netns_fd, AF_PACKET, SOCK_RAW, 0).value();
  sockaddr_ll name{};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  name.sll_ifindex = ifindex_;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    throw std::runtime_error("bind a packet socket");
  }
}

void Wire::send(const Bytes& frame) {
  const auto sent = ::send(socket_.get(), frame.data(), frame.size(), 0);
  if (sent != static_cast<ssize_t>(frame.size())) {
    throw std::runtime_error("send a frame");
  }
}

Bytes Wire::receive() {
  return next(1000);
}

bool Wire::is_silent() {
  return next(100).empty();
}

Bytes Wire::next(int timeout_ms) {
  pollfd ready{socket_.get(), POLLIN, 0};
  while (::poll(&ready, 1, timeout_ms) == 1) {
    Bytes frame(70000);
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const auto size = ::recvfrom(socket_.get(), frame.data(), frame.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 14 || from.sll_pkttype == PACKET_OUTGOING) {
      continue;
    }
    frame.resize(static_cast<std::size_t>(size));
    if (frame[12] == 0x08 && (frame[13] == 0x00 || frame[13] == 0x06)) {
      return frame;
    }
  }
  return {};
}

void attach_all(World& world) {
  for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
    ASSERT_TRUE(succeeded(world.plane().attach_container(IfIndex(world.at(slot).veth()))));
  }
  ASSERT_TRUE(succeeded(world.plane().attach_uplink(IfIndex(world.uplink()), true)));
}

void give_address(int netns_fd, const IpAddress& address, unsigned length,
                  const IpAddress& gateway) {
  auto socket = netlink::Socket::open_in(netns_fd).value();
  const IfIndex eth0 = netlink::find_link(socket, "eth0").value()->index;
  ASSERT_TRUE(succeeded(netlink::add_address(socket, eth0, address, length, false)));
  if (gateway.is_v4() && !gateway.is_unspecified()) {
    netlink::RouteSpec route;
    route.destination = IpPrefix::of(ip("0.0.0.0"), 0);
    route.gateway = gateway;
    route.device = eth0;
    ASSERT_TRUE(succeeded(netlink::add_route(socket, route)));
  }
}

} // namespace ebpfnet::packet
