#include "tests/support/load/knocks.hpp"

#include "tests/support/load/pattern.hpp"

namespace ebpfnet::load {

class Knock : public Watched {
public:
  Knock(Loop& loop, const sockaddr_in& to, std::uint64_t number)
      : loop_(loop), question_(message(0, number, 256)), fd_(connect_to(SOCK_STREAM, to)) {
    loop_.watch(fd_.get(), this, EPOLLOUT);
  }

  void on_event(std::uint32_t) override {
    if (!asked_) {
      int error = 0;
      socklen_t length = sizeof error;
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) {
        end(std::string("connect: ") + std::strerror(error));
        return;
      }
      asked_ = true;
      connected_at_ = Clock::now();
      must(::send(fd_.get(), question_.data(), question_.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(question_.size()),
           "send a question");
      loop_.watch(fd_.get(), this, EPOLLIN);
      return;
    }
    char bytes[512];
    const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got > 0) {
      answer_.append(bytes, static_cast<std::size_t>(got));
      if (answer_ == question_) {
        ::shutdown(fd_.get(), SHUT_WR); // and waits for the peer's end
      }
    } else if (got == 0) {
      end(answer_ == question_ ? "" : "closed before the answer");
    } else if (!would_block()) {
      end(std::string("receive: ") + std::strerror(errno));
    }
  }

  bool ended() const { return !fd_; }
  // Empty: all went well.
  const std::string& failure() const { return failure_; }
  Clock::duration age(Clock::time_point now) const { return now - begun_; }
  Clock::duration to_connect() const { return connected_at_ - begun_; }

private:
  void end(std::string failure) {
    failure_ = std::move(failure);
    fd_.reset();
  }

  Loop& loop_;
  std::string question_;
  UniqueFd fd_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point connected_at_ = begun_;
  bool asked_ = false;
  std::string answer_;
  std::string failure_;
};

Knocks::Knocks(Loop& loop, const sockaddr_in& to, unsigned hz) : loop_(loop), to_(to), pace_(hz) {}

Knocks::~Knocks() = default;

void Knocks::tick(Clock::time_point now) {
  for (unsigned due = stopped_ ? 0 : pace_.due(now); due > 0; --due) {
    open_.push_back(std::make_unique<Knock>(loop_, to_, made_++));
  }
  reap(now);
}

void Knocks::reap(Clock::time_point now) {
  constexpr auto kPatience = std::chrono::seconds(15);
  for (auto it = open_.begin(); it != open_.end();) {
    const Knock& knock = **it;
    if (!knock.ended() && knock.age(now) < kPatience) {
      ++it;
      continue;
    }
    if (!knock.ended() || !knock.failure().empty()) {
      failed_[knock.ended() ? knock.failure() : "no answer"] += 1;
    }
    slowest_ = std::max(slowest_, knock.to_connect());
    it = open_.erase(it);
  }
}

nlohmann::json Knocks::report() const {
  return {{"made", made_},
          {"slowest_ms", std::chrono::duration<double, std::milli>(slowest_).count()},
          {"bad_unfinished", open_.size()},
          {"bad_failed", failed_}};
}

} // namespace ebpfnet::load
