#include "tests/support/load/server.hpp"

#include <cstdio>
#include <list>
#include <memory>

#include "tests/support/load/sockets.hpp"

namespace ebpfnet::load {
namespace {

class Connection : public Watched {
public:
  Connection(Loop& loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {
    loop_.watch(fd_.get(), this, EPOLLIN);
  }

  void on_event(std::uint32_t) override {
    char bytes[65536];
    ssize_t got = 0;
    while (pending_.size() < kPending && (got = ::recv(fd_.get(), bytes, sizeof bytes, 0)) > 0) {
      pending_.append(bytes, static_cast<std::size_t>(got));
      flush();
    }
    if (pending_.size() < kPending && (got == 0 || !would_block())) {
      fd_.reset();
      return;
    }
    flush();
    loop_.watch(fd_.get(), this, pending_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
  }

  bool ended() const { return !fd_; }

private:
  static constexpr std::size_t kPending = 1 << 20;

  void flush() {
    const ssize_t sent = ::send(fd_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      pending_.erase(0, static_cast<std::size_t>(sent));
    }
  }

  Loop& loop_;
  UniqueFd fd_;
  std::string pending_;
};

class Listener : public Watched {
public:
  Listener(Loop& loop, std::uint16_t port) : loop_(loop), fd_(bound_to(SOCK_STREAM, port)) {
    must(::listen(fd_.get(), 4096) == 0, "listen");
    loop_.watch(fd_.get(), this, EPOLLIN);
  }

  void on_event(std::uint32_t) override {
    for (;;) {
      UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) {
        must(would_block() || errno == ECONNABORTED, "accept");
        return;
      }
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_.push_back(std::make_unique<Connection>(loop_, std::move(fd)));
    }
  }

  void forget_ended() {
    std::erase_if(connections_, [](const auto& connection) { return connection->ended(); });
  }

private:
  Loop& loop_;
  UniqueFd fd_;
  std::list<std::unique_ptr<Connection>> connections_;
};

class Mirror : public Watched {
public:
  Mirror(Loop& loop, std::uint16_t port) : fd_(bound_to(SOCK_DGRAM, port)) {
    loop.watch(fd_.get(), this, EPOLLIN);
  }

  void on_event(std::uint32_t) override {
    char bytes[65536];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    ssize_t got = 0;
    while ((got = ::recvfrom(fd_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from),
                             &length)) >= 0) {
      must(::sendto(fd_.get(), bytes, static_cast<std::size_t>(got), 0,
                    reinterpret_cast<const sockaddr*>(&from), length) == got,
           "send a datagram back");
    }
  }

private:
  UniqueFd fd_;
};

} // namespace

void serve(std::uint16_t port, const volatile std::sig_atomic_t& stop) {
  Loop loop;
  Listener listener(loop, port);
  Mirror mirror(loop, port);
  std::puts("ready");
  std::fflush(stdout);
  while (stop == 0) {
    loop.turn(1000);
    listener.forget_ended();
  }
}

} // namespace ebpfnet::load
