#include "tests/support/load/streams.hpp"

#include <algorithm>

#include "tests/support/load/pattern.hpp"

namespace ebpfnet::load {

class Stream : public Watched {
public:
  Stream(Loop& loop, const sockaddr_in& to, std::uint64_t number)
      : loop_(loop), number_(number), fd_(connect_to(SOCK_STREAM, to)) {
    loop_.watch(fd_.get(), this, EPOLLIN | EPOLLOUT);
  }

  // Another message, unless the last ones are still on their way.
  void send_next() {
    if (sent_ - received_ < kWindow && !broken_) {
      out_ += message(number_, sent_++, kMost);
      flush();
    }
  }

  void on_event(std::uint32_t events) override {
    if (events & EPOLLOUT) {
      established_ = true;
      flush();
    }
    char bytes[65536];
    ssize_t got = 0;
    while (!broken_ && (got = ::recv(fd_.get(), bytes, sizeof bytes, 0)) > 0) {
      compare(std::string_view(bytes, static_cast<std::size_t>(got)));
    }
    if (!broken_ && (got == 0 || !would_block())) {
      give_up(got == 0 ? "closed by the peer" : std::strerror(errno));
    }
    if (!broken_) {
      loop_.watch(fd_.get(), this, out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
    }
  }

  bool idle() const { return broken_ || sent_ == received_; }
  bool established() const { return established_; }
  bool broken() const { return broken_; }
  const std::string& reason() const { return reason_; }
  std::uint64_t received() const { return received_; }
  std::uint64_t bytes() const { return bytes_; }

private:
  static constexpr std::uint64_t kWindow = 32;
  static constexpr std::size_t kMost = 4096;

  void flush() {
    const ssize_t done = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (done > 0) {
      out_.erase(0, static_cast<std::size_t>(done));
    }
    if (!out_.empty()) {
      loop_.watch(fd_.get(), this, EPOLLIN | EPOLLOUT);
    }
  }

  void give_up(std::string reason) {
    broken_ = true;
    reason_ = std::move(reason);
    fd_.reset();
  }

  void compare(std::string_view bytes) {
    bytes_ += bytes.size();
    while (!bytes.empty() && !broken_) {
      if (expected_.empty()) {
        expected_ = message(number_, received_, kMost);
      }
      const std::size_t length = std::min(bytes.size(), expected_.size() - at_);
      if (bytes.substr(0, length) != std::string_view(expected_).substr(at_, length)) {
        give_up("other bytes came back");
      }
      bytes.remove_prefix(length);
      at_ += length;
      if (at_ == expected_.size()) {
        received_ += 1;
        at_ = 0;
        expected_.clear();
      }
    }
  }

  Loop& loop_;
  std::uint64_t number_;
  UniqueFd fd_;
  bool established_ = false;
  bool broken_ = false;
  std::string reason_;
  std::string out_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t bytes_ = 0;
  std::string expected_;
  std::size_t at_ = 0;
};

Streams::Streams(Loop& loop, const sockaddr_in& to, unsigned connections, unsigned hz)
    : pace_(connections * hz) {
  for (unsigned i = 0; i < connections; ++i) {
    streams_.push_back(std::make_unique<Stream>(loop, to, i));
  }
}

Streams::~Streams() = default;

void Streams::tick(Clock::time_point now) {
  for (unsigned due = stopped_ ? 0 : pace_.due(now); due > 0; --due) {
    streams_[next_++ % streams_.size()]->send_next();
  }
}

bool Streams::idle() const {
  return std::ranges::all_of(streams_, [](const auto& stream) { return stream->idle(); });
}

bool Streams::established() const {
  return std::ranges::all_of(streams_, [](const auto& stream) { return stream->established(); });
}

nlohmann::json Streams::report() const {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  nlohmann::json broken = nlohmann::json::array();
  for (const auto& stream : streams_) {
    messages += stream->received();
    bytes += stream->bytes();
    if (stream->broken() || !stream->idle()) {
      broken.push_back(stream->broken() ? stream->reason() : "an answer is missing");
    }
  }
  return {{"connections", streams_.size()},
          {"messages", messages},
          {"bytes", bytes},
          {"bad_connections", broken}};
}

} // namespace ebpfnet::load
