// Plain blocking sockets on 127.0.0.1 for the server's tests: a client, and servers that answer as
// a test tells them.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "dns_support.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::dns::testing {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

inline UniqueFd make_socket(int type, int timeout_ms = 0) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const timeval time{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  const int bytes = 4 * 1024 * 1024;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

// Bound to a free port; `port` 0 chooses. Stream sockets listen.
inline UniqueFd bind_socket(int type, std::uint16_t port = 0, int timeout_ms = 0) {
  UniqueFd fd = make_socket(type, timeout_ms);
  const sockaddr_in address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  if (type == SOCK_STREAM) {
    ::listen(fd.get(), 128);
  }
  return fd;
}

inline std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_in address{};
  socklen_t len = sizeof address;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &len);
  return ntohs(address.sin_port);
}

inline UniqueFd connect_socket(int type, std::uint16_t port, int timeout_ms = 5000) {
  UniqueFd fd = make_socket(type, timeout_ms);
  const sockaddr_in address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  return fd;
}

inline void send_bytes(const UniqueFd& fd, const Wire& wire) {
  ::send(fd.get(), wire.data(), wire.size(), MSG_NOSIGNAL);
}

// One datagram, or empty after the socket's time-out.
inline Wire receive_datagram(const UniqueFd& fd) {
  Wire wire(65536);
  const auto len = ::recv(fd.get(), wire.data(), wire.size(), 0);
  wire.resize(len > 0 ? static_cast<std::size_t>(len) : 0);
  return wire;
}

inline Wire framed(const Wire& wire) {
  Wire out;
  put16(out, static_cast<unsigned>(wire.size()));
  out.insert(out.end(), wire.begin(), wire.end());
  return out;
}

// One length-prefixed message, or empty at the end of the stream or after the time-out.
inline Wire receive_framed(const UniqueFd& fd) {
  Wire prefix(2);
  if (::recv(fd.get(), prefix.data(), 2, MSG_WAITALL) != 2) {
    return {};
  }
  Wire wire(get16(prefix, 0));
  const auto len = ::recv(fd.get(), wire.data(), wire.size(), MSG_WAITALL);
  wire.resize(len > 0 ? static_cast<std::size_t>(len) : 0);
  return wire;
}

// An upstream on one port of 127.0.0.1, UDP and TCP. `answer` makes the datagrams to send back, in
// order; over TCP the first of them is sent. Answers run on the upstream's threads.
class FakeUpstream {
public:
  using Answer = std::function<std::vector<Wire>(const Wire& query, bool tcp)>;

  explicit FakeUpstream(Answer answer) : answer_(std::move(answer)) {
    udp_ = bind_socket(SOCK_DGRAM, 0, 20);
    port = port_of(udp_);
    tcp_ = bind_socket(SOCK_STREAM, port, 20);
    threads_.emplace_back([this] { serve_udp(); });
    threads_.emplace_back([this] { serve_tcp(); });
  }
  ~FakeUpstream() {
    done_ = true;
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

  std::uint16_t port = 0;
  std::atomic<int> queries = 0;
  std::vector<std::pair<unsigned, std::uint16_t>> seen() { // ids and source ports of UDP queries
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

private:
  void serve_udp() {
    Wire buffer(65536);
    while (!done_) {
      sockaddr_in from{};
      socklen_t from_len = sizeof from;
      auto* peer = reinterpret_cast<sockaddr*>(&from);
      const auto len = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0, peer, &from_len);
      if (len <= 0) {
        continue;
      }
      const Wire query(buffer.begin(), buffer.begin() + len);
      ++queries;
      {
        const std::scoped_lock lock(mutex_);
        seen_.emplace_back(get16(query, 0), ntohs(from.sin_port));
      }
      for (const Wire& reply : answer_(query, false)) {
        ::sendto(udp_.get(), reply.data(), reply.size(), 0, peer, from_len);
      }
    }
  }
  void serve_tcp() {
    while (!done_) {
      const UniqueFd client(::accept(tcp_.get(), nullptr, nullptr));
      if (!client) {
        continue;
      }
      const Wire query = receive_framed(client);
      ++queries;
      const auto replies = query.empty() ? std::vector<Wire>{} : answer_(query, true);
      if (!replies.empty()) {
        send_bytes(client, framed(replies.front()));
      }
    }
  }

  Answer answer_;
  UniqueFd udp_;
  UniqueFd tcp_;
  std::atomic<bool> done_ = false;
  std::mutex mutex_;
  std::vector<std::pair<unsigned, std::uint16_t>> seen_;
  std::vector<std::thread> threads_;
};

} // namespace ebpfnet::dns::testing
