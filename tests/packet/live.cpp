#include "tests/packet/live.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"

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

} // namespace ebpfnet::packet
