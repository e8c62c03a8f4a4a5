// See link_remover.hpp. One request at a time is between its start and the last of its interfaces
// going; that is the part that holds the kernel's network lock.
#include "daemon/netlink/link_remover.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "daemon/netlink/link.hpp"

namespace ebpfnet::netlink {
namespace {

// Only deletions are worth a wake-up; a thousand interfaces that come or change are not. The type
// is the second field of the message, in host order, while the filter's loads swap to it.
Result<void> accept_deletions_only(int fd) {
  std::array<sock_filter, 4> code{
      sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffffffff), sock_filter BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{code.size(), code.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) {
    return fail_errno(errno, "filter the kernel's messages about interfaces");
  }
  return {};
}

Result<UniqueFd> open_events() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) {
    return fail_errno(errno, "open a socket for deleted interfaces");
  }
  TRY_VOID(accept_deletions_only(fd.get()));
  constexpr int kBufferBytes = 1 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return fail_errno(errno, "listen to deleted interfaces");
  }
  return fd;
}

// The interface that a message says is gone; 0: it says something else. A port that leaves its
// bridge is told in the same words, by the family of bridges.
IfIndex deleted_in(const char* data, std::size_t size) {
  if (size < NLMSG_LENGTH(sizeof(ifinfomsg))) {
    return IfIndex();
  }
  nlmsghdr header;
  ifinfomsg link;
  std::memcpy(&header, data, sizeof header);
  std::memcpy(&link, data + NLMSG_HDRLEN, sizeof link);
  if (header.nlmsg_type != RTM_DELLINK || link.ifi_family != AF_UNSPEC) {
    return IfIndex();
  }
  return IfIndex(static_cast<std::uint32_t>(link.ifi_index));
}

} // namespace

Result<std::unique_ptr<LinkRemover>> LinkRemover::create(Run run) {
  UniqueFd events = TRY(open_events());
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) {
    return fail_errno(errno, "make an eventfd");
  }
  return std::unique_ptr<LinkRemover>(
      new LinkRemover(std::move(run), std::move(events), std::move(stop)));
}

LinkRemover::LinkRemover(Run run, UniqueFd events, UniqueFd stop)
    : run_(std::move(run)), events_(std::move(events)), stop_(std::move(stop)),
      listener_([this] { listen(); }) {}

LinkRemover::~LinkRemover() {
  ::eventfd_write(stop_.get(), 1);
  listener_.join();
}

Result<void> LinkRemover::remove(IfIndex index, IfIndex group) {
  std::unique_lock lock(mutex_);
  const LeavingPtr mine = enqueue(index, group);
  if (leaving_.empty()) {
    begin_batch();
  }
  changed_.wait(lock, [&] { return mine->done; });
  return mine->outcome;
}

LinkRemover::LeavingPtr LinkRemover::enqueue(IfIndex index, IfIndex group) {
  for (const auto& [key, leaving] : queue_) {
    if (key.second == index) {
      return leaving;
    }
  }
  Place& place = last_place_[group];
  place = std::max(place, reached_) + 1;
  return queue_.emplace(std::pair(place, index), std::make_shared<Leaving>()).first->second;
}

std::size_t LinkRemover::waiting() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size() + leaving_.size();
}

void LinkRemover::begin_batch() {
  while (!queue_.empty() && leaving_.size() < kLinksPerDeletion) {
    const auto next = queue_.begin();
    reached_ = next->first.first;
    leaving_.emplace(next->first.second, std::move(next->second));
    queue_.erase(next);
  }
  if (queue_.empty()) {
    last_place_.clear();
  }
  if (!leaving_.empty()) {
    run_([this, batch = leaving_] { delete_batch(batch); });
  }
}

// Settles what was not told meanwhile: the socket's buffer was full, or the kernel refused. One
// interface that it refuses spoils the request for all, so then each is asked for alone.
void LinkRemover::delete_batch(const Batch& batch) {
  const auto together = request_deletion(batch);
  for (const auto& [index, leaving] : batch) {
    if (!is_done(*leaving)) {
      const auto outcome = together ? together : request_deletion({{index, leaving}});
      const std::scoped_lock lock(mutex_);
      settle(index, outcome);
    }
  }
}

bool LinkRemover::is_done(const Leaving& leaving) const {
  const std::scoped_lock lock(mutex_);
  return leaving.done;
}

Result<void> LinkRemover::request_deletion(const Batch& batch) {
  Socket socket = TRY(Socket::open());
  const std::uint32_t group = TRY(random_link_group());
  for (const auto& [index, leaving] : batch) {
    if (!TRY(set_link_group(socket, index, group))) {
      const std::scoped_lock lock(mutex_);
      settle(index, {});
    }
  }
  return delete_link_group(socket, group);
}

void LinkRemover::settle(IfIndex index, const Result<void>& outcome) {
  const auto found = leaving_.find(index);
  if (found == leaving_.end()) {
    return;
  }
  found->second->outcome = outcome;
  found->second->done = true;
  leaving_.erase(found);
  changed_.notify_all();
  if (leaving_.empty()) {
    begin_batch();
  }
}

void LinkRemover::listen() {
  std::array<pollfd, 2> polled{pollfd{events_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  while (polled[1].revents == 0) {
    if (::poll(polled.data(), polled.size(), -1) > 0 && polled[0].revents != 0) {
      take_events();
    }
  }
}

void LinkRemover::take_events() {
  std::array<char, 256> message; // the rest is cut off
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_bytes = sizeof sender;
    const ssize_t got = ::recvfrom(events_.get(), message.data(), message.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_bytes);
    if (got < 0 && errno == EAGAIN) {
      return;
    }
    if (got > 0 && sender.nl_pid == 0) {
      const IfIndex index = deleted_in(message.data(), static_cast<std::size_t>(got));
      const std::scoped_lock lock(mutex_);
      settle(index, {});
    }
  }
}

} // namespace ebpfnet::netlink
