#include "tests/support/load/driver.hpp"

#include <sys/timerfd.h>

#include <cstdio>

#include "tests/support/load/datagrams.hpp"
#include "tests/support/load/knocks.hpp"
#include "tests/support/load/streams.hpp"

namespace ebpfnet::load {
namespace {

// Wakes the loop often enough that what is due is spread in time: a gap in the forwarding that is
// shorter than a tick may pass between two packets.
class Ticks : public Watched {
public:
  explicit Ticks(Loop& loop) : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    constexpr timespec kTick{0, 500'000};
    const itimerspec when{kTick, kTick};
    must(fd_ && ::timerfd_settime(fd_.get(), 0, &when, nullptr) == 0, "set a timer");
    loop.watch(fd_.get(), this, EPOLLIN);
  }
  void on_event(std::uint32_t) override {
    std::uint64_t expired = 0;
    [[maybe_unused]] const auto size = ::read(fd_.get(), &expired, sizeof expired);
  }

private:
  UniqueFd fd_;
};

} // namespace

void drive(const std::string& address, std::uint16_t port, const Rates& rates,
           const volatile std::sig_atomic_t& stop) {
  const sockaddr_in to = address_of(address, port);
  Loop loop;
  Ticks ticks(loop);
  Streams streams(loop, to, rates.streams, rates.stream_hz);
  Datagrams datagrams(loop, to, rates.datagrams, rates.datagram_hz);
  Knocks knocks(loop, to, rates.knock_hz);
  Source* const sources[] = {&streams, &datagrams, &knocks};
  bool told = false;
  while (stop == 0) {
    loop.turn(-1);
    if (!told && streams.established()) {
      std::puts("ready");
      std::fflush(stdout);
      told = true;
    }
    for (Source* source : sources) {
      source->tick(Clock::now());
    }
  }
  // What is still under way may come; a retransmission would come within this time, too, and show
  // in the kernel's counters.
  constexpr auto kPatience = std::chrono::seconds(5);
  const auto end = Clock::now() + kPatience;
  for (Source* source : sources) {
    source->stop();
  }
  while (Clock::now() < end && !(streams.idle() && datagrams.idle() && knocks.idle())) {
    loop.turn(-1);
    knocks.tick(Clock::now());
  }
  const nlohmann::json report{{"streams", streams.report()},
                              {"datagrams", datagrams.report()},
                              {"knocks", knocks.report()}};
  std::puts(report.dump().c_str());
}

} // namespace ebpfnet::load
