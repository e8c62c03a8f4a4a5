// A multicast netlink socket. Its buffer is large, since a burst (a thousand containers at once)
// comes faster than the event loop turns; what is lost nevertheless shows as ENOBUFS.
#include "daemon/netlink/monitor.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <span>

#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

constexpr int kEventBufferBytes = 4 << 20;
// Bounds one call, so that a flood of events cannot hold the event loop; the descriptor stays
// readable.
constexpr int kDatagramsPerDrain = 4096;

// The interface that changed, or through which the route leads; 0: none, several, or an address.
IfIndex subject_of(std::span<char> datagram) {
  const auto& header = *reinterpret_cast<const nlmsghdr*>(datagram.data());
  const char* body = datagram.data() + NLMSG_HDRLEN;
  if (datagram.size() < NLMSG_LENGTH(sizeof(ifinfomsg))) {
    return IfIndex();
  }
  if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK) {
    const auto& link = *reinterpret_cast<const ifinfomsg*>(body);
    return IfIndex(static_cast<std::uint32_t>(link.ifi_index));
  }
  const bool route = header.nlmsg_type == RTM_NEWROUTE || header.nlmsg_type == RTM_DELROUTE;
  if (route && header.nlmsg_len <= datagram.size()) {
    return IfIndex(Attributes<RTA_MAX>(header, sizeof(rtmsg)).u32(RTA_OIF));
  }
  return IfIndex();
}

} // namespace

Result<Monitor> Monitor::open(PassOver pass_over) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) {
    return fail_errno(errno, "open a socket for network changes");
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBufferBytes, sizeof(kEventBufferBytes));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    return fail_errno(errno, "bind a socket for network changes");
  }
  for (const int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                          RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE}) {
    if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
      return fail_errno(errno, "listen to network changes of group {}", group);
    }
  }
  return Monitor(std::move(fd), std::move(pass_over));
}

Result<bool> Monitor::drain(bool* resync) {
  bool changed = false;
  bool lost = false;
  for (int count = 0; count < kDatagramsPerDrain; ++count) {
    // The rest of a datagram may be cut off: an interface's number stands in front, and of a route
    // without one it is enough to know that there is something.
    alignas(nlmsghdr) std::array<char, 512> datagram;
    sockaddr_nl sender{};
    socklen_t sender_bytes = sizeof(sender);
    const ssize_t got = ::recvfrom(fd_.get(), datagram.data(), datagram.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_bytes);
    if (got >= 0) {
      const IfIndex subject = subject_of({datagram.data(), static_cast<std::size_t>(got)});
      const bool passed_over = subject != IfIndex() && pass_over_ && pass_over_(subject);
      changed = changed || (sender.nl_pid == 0 && !passed_over);
    } else if (errno == ENOBUFS) {
      changed = lost = true;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return fail_errno(errno, "read network changes");
    }
  }
  if (resync != nullptr) {
    *resync = lost;
  }
  return changed;
}

} // namespace ebpfnet::netlink
