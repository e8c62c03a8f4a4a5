// A multicast netlink socket. Its buffer is large, since a burst (a thousand containers at once)
// comes faster than the event loop turns; what is lost nevertheless shows as ENOBUFS.
#include "daemon/netlink/monitor.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

namespace ebpfnet::netlink {

namespace {

constexpr int kReceiveBufferBytes = 4 << 20;
// Bounds one call, so that a flood of events cannot hold the event loop; the descriptor stays
// readable.
constexpr int kDatagramsPerDrain = 4096;

} // namespace

Result<Monitor> Monitor::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) {
    return fail_errno(errno, "open a socket for network changes");
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
               sizeof(kReceiveBufferBytes));
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
  return Monitor(std::move(fd));
}

Result<bool> Monitor::drain(bool* resync) {
  bool changed = false;
  bool lost = false;
  for (int count = 0; count < kDatagramsPerDrain; ++count) {
    // Only that something came matters: the rest of a datagram may be cut off.
    std::array<char, NLMSG_HDRLEN> header;
    sockaddr_nl sender{};
    socklen_t sender_bytes = sizeof(sender);
    const ssize_t got = ::recvfrom(fd_.get(), header.data(), header.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_bytes);
    if (got >= 0) {
      changed = changed || sender.nl_pid == 0;
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
