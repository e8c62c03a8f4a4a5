// TCP load for the path benchmark, client and server in one program. Every connection is served by
// a thread that blocks in the kernel, so that what is measured is the way of the packets and not an
// event loop; CPUs are chosen by who starts it (taskset).
//
//   tcp_load serve ADDRESS PORT                              answers until it is ended; prints
//   "ready" tcp_load rr|connect|stream ADDRESS PORT CONNECTIONS SECONDS   prints one line of JSON
//
// rr: one byte there and back on each connection. connect: connection, one byte there and back, end
// by a reset (SO_LINGER 0: no port waits in TIME_WAIT, which would bound the rate). stream: bytes
// in one direction, counted by the receiver.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kServers = 64;                             // connections served at a time
constexpr std::size_t kChunk = 128UL * 1024;             // bytes of one write
constexpr auto kWarmUp = std::chrono::milliseconds(100); // before counting starts
constexpr auto kServerLife = std::chrono::minutes(60);   // of a server that nobody ended
constexpr char kEcho = 'e';
constexpr char kSink = 's';

[[noreturn]] void failed(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int must(int result, const char* what) {
  if (result < 0) {
    failed(what);
  }
  return result;
}

sockaddr_in address_of(const char* ip, const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
  if (::inet_pton(AF_INET, ip, &out.sin_addr) != 1) {
    errno = EINVAL;
    failed(ip);
  }
  return out;
}

UniqueFd tcp_socket() {
  UniqueFd fd(must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int on = 1;
  must(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  return fd;
}

UniqueFd connect_to(const sockaddr_in& server) {
  UniqueFd fd = tcp_socket();
  must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server), "connect");
  return fd;
}

// One byte there and back.
void exchange(int fd) {
  char byte = kEcho;
  if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) {
    failed("send");
  }
  if (::recv(fd, &byte, 1, 0) != 1) {
    failed("receive the answer");
  }
}

// --- server

void echo(int fd) {
  char byte = kEcho;
  do {
    if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) {
      return;
    }
  } while (::recv(fd, &byte, 1, 0) == 1);
}

// Takes what comes until the end and tells how much it was.
void sink(int fd) {
  std::vector<char> buffer(kChunk);
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      break;
    }
    bytes += static_cast<std::uint64_t>(got);
  }
  static_cast<void>(::send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL));
}

void serve_connections(int listener) {
  const int on = 1;
  for (;;) {
    const UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    char kind = 0;
    if (!fd || ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::recv(fd.get(), &kind, 1, 0) != 1) {
      continue; // the client went away
    }
    kind == kSink ? sink(fd.get()) : echo(fd.get());
  }
}

int serve(const sockaddr_in& local) {
  const UniqueFd listener = tcp_socket();
  const int on = 1;
  must(::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  must(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), "bind");
  must(::listen(listener.get(), 4096), "listen");
  for (int i = 0; i < kServers; ++i) {
    std::thread(serve_connections, listener.get()).detach();
  }
  std::puts("ready");
  std::fflush(stdout);
  std::this_thread::sleep_for(kServerLife);
  std::_Exit(0);
}

// --- client

struct Total {
  std::uint64_t count = 0; // transactions, or bytes
  double seconds = 0;
};

// Repeats `once` for a while unmeasured, then for `period`.
Total repeat(Clock::duration period, const std::function<void()>& once) {
  for (const auto warm = Clock::now() + kWarmUp; Clock::now() < warm;) {
    once();
  }
  Total total;
  const auto begin = Clock::now();
  auto now = begin;
  while (now < begin + period) {
    once();
    ++total.count;
    now = Clock::now();
  }
  total.seconds = std::chrono::duration<double>(now - begin).count();
  return total;
}

Total request_response(const sockaddr_in& server, Clock::duration period) {
  const UniqueFd fd = connect_to(server);
  return repeat(period, [&] { exchange(fd.get()); });
}

Total connect_rate(const sockaddr_in& server, Clock::duration period) {
  return repeat(period, [&] {
    const UniqueFd fd = connect_to(server);
    const linger reset{1, 0};
    must(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
    exchange(fd.get());
  });
}

std::uint64_t write_until(int fd, Clock::time_point end) {
  const std::vector<char> chunk(kChunk, kSink);
  std::uint64_t sent = 0;
  while (Clock::now() < end) {
    const ssize_t put = ::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
    if (put < 0) {
      failed("send");
    }
    sent += static_cast<std::uint64_t>(put);
  }
  return sent;
}

// What the server took after the windows had grown. Its first byte only told what is wanted.
Total stream(const sockaddr_in& server, Clock::duration period) {
  const UniqueFd fd = connect_to(server);
  const std::uint64_t early = write_until(fd.get(), Clock::now() + kWarmUp);
  const auto begin = Clock::now();
  write_until(fd.get(), begin + period);
  must(::shutdown(fd.get(), SHUT_WR), "shutdown");
  std::uint64_t received = 0;
  if (::recv(fd.get(), &received, sizeof received, MSG_WAITALL) != sizeof received) {
    failed("receive the server's count");
  }
  return {received + 1 - early, std::chrono::duration<double>(Clock::now() - begin).count()};
}

using Mode = Total (*)(const sockaddr_in&, Clock::duration);

Mode mode_of(std::string_view name) {
  return name == "rr"        ? request_response
         : name == "connect" ? connect_rate
         : name == "stream"  ? stream
                             : nullptr;
}

int load(Mode mode, const sockaddr_in& server, int connections, double seconds) {
  std::vector<Total> totals(static_cast<std::size_t>(connections));
  std::vector<std::exception_ptr> errors(totals.size());
  std::vector<std::thread> threads;
  const auto period =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (std::size_t i = 0; i < totals.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        totals[i] = mode(server, period);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  double rate = 0;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    if (errors[i]) {
      std::rethrow_exception(errors[i]);
    }
    rate += static_cast<double>(totals[i].count) / totals[i].seconds;
  }
  std::printf("{\"per_second\": %.1f}\n", rate);
  return 0;
}

int run(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "serve") {
    return serve(address_of(argv[2], argv[3]));
  }
  const Mode mode = argc == 6 ? mode_of(argv[1]) : nullptr;
  if (mode == nullptr) {
    std::fputs("usage: tcp_load serve ADDRESS PORT | rr|connect|stream ADDRESS PORT CONNECTIONS "
               "SECONDS\n",
               stderr);
    return 2;
  }
  return load(mode, address_of(argv[2], argv[3]), std::atoi(argv[4]),
              std::strtod(argv[5], nullptr));
}

} // namespace
} // namespace ebpfnet::bench

int main(int argc, char** argv) {
  try {
    return ebpfnet::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_load: %s\n", error.what());
    return 1;
  }
}
