// The event loop of the load generator: one thread, one epoll, one tick.
#pragma once

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::load {

using Clock = std::chrono::steady_clock;

inline void must(bool fine, const char* what) {
  if (!fine) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

// Something with a descriptor that the loop watches. Must stay where it is while it is watched.
class Watched {
public:
  virtual ~Watched() = default;
  virtual void on_event(std::uint32_t events) = 0;
};

class Loop {
public:
  Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) { must(static_cast<bool>(epoll_), "epoll"); }

  void watch(int fd, Watched* who, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = who;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
      must(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0, "watch a descriptor");
    }
  }

  // Waits up to `timeout_ms` for events and hands them on.
  void turn(int timeout_ms) {
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_.get(), events, 64, timeout_ms);
    must(count >= 0 || errno == EINTR, "wait for events");
    for (int i = 0; i < count; ++i) {
      static_cast<Watched*>(events[i].data.ptr)->on_event(events[i].events);
    }
  }

private:
  UniqueFd epoll_;
};

// How many things of `hz` a second are due by now. What a sleeping CPU held up is caught up with in
// small steps: a burst that overflows a queue would be a loss of the test's own making.
class Pace {
public:
  explicit Pace(unsigned hz) : hz_(hz) {}

  unsigned due(Clock::time_point now) {
    constexpr unsigned kBurst = 8;
    if (hz_ == 0) {
      return 0;
    }
    const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / hz_;
    unsigned out = 0;
    for (; next_ <= now && out < kBurst; ++out) {
      next_ += step;
    }
    if (out == kBurst && next_ < now) {
      next_ = now;
    }
    return out;
  }

private:
  unsigned hz_;
  Clock::time_point next_ = Clock::now();
};

} // namespace ebpfnet::load
