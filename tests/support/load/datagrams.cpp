#include "tests/support/load/datagrams.hpp"

#include <algorithm>

#include "tests/support/load/pattern.hpp"

namespace ebpfnet::load {

class Exchange : public Watched {
public:
  Exchange(Loop& loop, const sockaddr_in& to, std::uint64_t number)
      : number_(number), fd_(connect_to(SOCK_DGRAM, to)) {
    loop.watch(fd_.get(), this, EPOLLIN);
  }

  void send_next(Clock::time_point now) {
    const std::string datagram = message(number_, sent_at_.size(), kMost);
    if (::send(fd_.get(), datagram.data(), datagram.size(), 0) ==
        static_cast<ssize_t>(datagram.size())) {
      sent_at_.push_back(now);
      came_.push_back(false);
    } else {
      refused_ += 1; // no room, or an ICMP error about an earlier one
    }
  }

  void on_event(std::uint32_t) override {
    char bytes[2048];
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), bytes, sizeof bytes, 0)) >= 0 || !would_block()) {
      if (got < 0) {
        refused_ += 1;
      } else {
        take(std::string_view(bytes, static_cast<std::size_t>(got)));
      }
    }
  }

  std::uint64_t sent() const { return sent_at_.size(); }
  std::uint64_t received() const { return received_; }
  std::uint64_t corrupt() const { return corrupt_; }
  std::uint64_t repeated() const { return repeated_; }
  std::uint64_t refused() const { return refused_; }

  // When the ones were sent that did not come back, in seconds of the monotonic clock.
  void add_losses(nlohmann::json& out) const {
    for (std::size_t i = 0; i < came_.size(); ++i) {
      if (!came_[i]) {
        out.push_back(std::chrono::duration<double>(sent_at_[i].time_since_epoch()).count());
      }
    }
  }

private:
  static constexpr std::size_t kMost = 1200;

  void take(std::string_view bytes) {
    std::uint64_t sequence = ~0ULL;
    std::memcpy(&sequence, bytes.data(), std::min(bytes.size(), sizeof sequence));
    if (sequence >= came_.size() || bytes != message(number_, sequence, kMost)) {
      corrupt_ += 1;
    } else if (came_[sequence]) {
      repeated_ += 1;
    } else {
      came_[sequence] = true;
      received_ += 1;
    }
  }

  std::uint64_t number_;
  UniqueFd fd_;
  std::vector<Clock::time_point> sent_at_;
  std::vector<bool> came_;
  std::uint64_t received_ = 0;
  std::uint64_t corrupt_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t refused_ = 0;
};

Datagrams::Datagrams(Loop& loop, const sockaddr_in& to, unsigned flows, unsigned hz)
    : pace_(flows * hz) {
  for (unsigned i = 0; i < flows; ++i) {
    flows_.push_back(std::make_unique<Exchange>(loop, to, i));
  }
}

Datagrams::~Datagrams() = default;

void Datagrams::tick(Clock::time_point now) {
  for (unsigned due = stopped_ ? 0 : pace_.due(now); due > 0; --due) {
    flows_[next_++ % flows_.size()]->send_next(now);
  }
}

bool Datagrams::idle() const {
  return std::ranges::all_of(flows_,
                             [](const auto& flow) { return flow->sent() == flow->received(); });
}

nlohmann::json Datagrams::report() const {
  nlohmann::json lost = nlohmann::json::array();
  std::uint64_t sent = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused = 0;
  for (const auto& flow : flows_) {
    sent += flow->sent();
    corrupt += flow->corrupt();
    repeated += flow->repeated();
    refused += flow->refused();
    flow->add_losses(lost);
  }
  return {{"flows", flows_.size()},   {"sent", sent},
          {"bad_lost_at", lost},      {"bad_corrupt", corrupt},
          {"bad_repeated", repeated}, {"bad_refused", refused}};
}

} // namespace ebpfnet::load
