// Encoding of attach messages, and the client's side. The supervisor's side is attach_server.cpp.
#include "daemon/shim/attach.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <csignal>

namespace ebpfnet::shim {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kMaxFds = 3;

bool is_known(std::uint32_t type) {
  switch (static_cast<MessageType>(type)) {
  case MessageType::stdio:
  case MessageType::signal:
  case MessageType::window_size:
  case MessageType::started:
  case MessageType::failed:
  case MessageType::exited:
    return true;
  }
  return false;
}

} // namespace

std::string encode(const Message& message) {
  const std::array<std::uint32_t, 4> header{kVersion, static_cast<std::uint32_t>(message.type),
                                            static_cast<std::uint32_t>(message.a),
                                            static_cast<std::uint32_t>(message.b)};
  std::string bytes(reinterpret_cast<const char*>(header.data()), kHeaderBytes);
  bytes += message.text.substr(0, kMaxMessageBytes - kHeaderBytes);
  return bytes;
}

Result<Message> decode(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) {
    return fail(ErrorCode::invalid, "attach message of {} bytes: at least {} expected",
                bytes.size(), kHeaderBytes);
  }
  std::array<std::uint32_t, 4> header{};
  std::memcpy(header.data(), bytes.data(), kHeaderBytes);
  if (header[0] != kVersion) {
    return fail(ErrorCode::unsupported, "attach protocol version {}: {} expected", header[0],
                kVersion);
  }
  if (!is_known(header[1])) {
    return fail(ErrorCode::invalid, "attach message of unknown type {}", header[1]);
  }
  return Message{static_cast<MessageType>(header[1]), static_cast<std::int32_t>(header[2]),
                 static_cast<std::int32_t>(header[3]), std::string(bytes.substr(kHeaderBytes))};
}

Message failed_message(const Error& error) {
  return {MessageType::failed, static_cast<std::int32_t>(error.code), error.sys_errno,
          error.message + '\0' + error.hint};
}

Error error_of(const Message& failed) {
  const auto end = failed.text.find('\0');
  const bool known = failed.a >= 0 && failed.a <= static_cast<std::int32_t>(ErrorCode::internal);
  return {known ? static_cast<ErrorCode>(failed.a) : ErrorCode::internal, failed.b,
          failed.text.substr(0, end),
          end == std::string::npos ? std::string() : failed.text.substr(end + 1)};
}

Result<void> send_message(int socket, const Message& message, const std::vector<int>& fds) {
  std::string bytes = encode(message);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty() && fds.size() <= kMaxFds) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* ancillary = CMSG_FIRSTHDR(&header);
    ancillary->cmsg_level = SOL_SOCKET;
    ancillary->cmsg_type = SCM_RIGHTS;
    ancillary->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(ancillary), fds.data(), sizeof(int) * fds.size());
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) {
      return fail_errno(errno, "send attach message");
    }
  }
  return {};
}

Result<Message> receive_message(int socket, std::vector<UniqueFd>& fds) {
  std::array<char, kMaxMessageBytes> bytes;
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t count = 0;
  while ((count = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) {
      return fail_errno(errno, "receive attach message");
    }
  }
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      const std::size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < n; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        fds.emplace_back(fd);
      }
    }
  }
  if (count == 0) {
    return fail(ErrorCode::unavailable, "the other end of the attach socket went away");
  }
  return decode({bytes.data(), static_cast<std::size_t>(count)});
}

Result<AttachClient> AttachClient::connect(const std::filesystem::path& socket) {
  // Through /proc/self/fd, since sun_path holds 107 bytes and run directories may be longer.
  UniqueFd folder(::open(socket.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    return fail_errno(errno, "open '{}'", socket.parent_path().string());
  }
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) {
    return fail_errno(errno, "make an attach socket");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path =
      fmt::format("/proc/self/fd/{}/{}", folder.get(), socket.filename().string());
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::invalid, "attach socket name '{}' is too long", path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    Failure failure = fail_errno(error, "connect to the supervisor at '{}'", socket.string());
    if (error == ENOENT || error == ECONNREFUSED) {
      failure.error().code = ErrorCode::unavailable;
    }
    return failure;
  }
  return AttachClient(std::move(fd));
}

Result<void> AttachClient::send_stdio(int in, int out, int err, WindowSize size) {
  return send_message(socket_.get(), {MessageType::stdio, size.rows, size.columns, {}},
                      {in, out, err});
}

Result<void> AttachClient::send_signal(int number) {
  return send_message(socket_.get(), {MessageType::signal, number, 0, {}});
}

Result<void> AttachClient::send_window_size(WindowSize size) {
  return send_message(socket_.get(), {MessageType::window_size, size.rows, size.columns, {}});
}

Result<Message> AttachClient::next() {
  std::vector<UniqueFd> unexpected;
  return receive_message(socket_.get(), unexpected);
}

Result<int> AttachClient::wait(const WaitOptions& options) {
  while (true) {
    std::array<pollfd, 2> polled{{{socket_.get(), POLLIN, 0}, {options.signal_fd, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail_errno(errno, "wait for the supervisor");
    }
    if (polled[0].revents != 0) {
      const Message message = TRY(next());
      if (message.type == MessageType::exited) {
        return message.a;
      }
      if (message.type == MessageType::failed) {
        return Failure(error_of(message));
      }
      if (message.type == MessageType::started && options.on_started) {
        options.on_started(message.a);
      }
    } else if (polled[1].revents != 0) {
      TRY_VOID(forward_signal(options));
    }
  }
}

Result<void> AttachClient::forward_signal(const WaitOptions& options) {
  signalfd_siginfo info{};
  if (::read(options.signal_fd, &info, sizeof(info)) != sizeof(info)) {
    return fail_errno(errno, "read a signal");
  }
  const int number = static_cast<int>(info.ssi_signo);
  Result<void> sent;
  if (number != SIGWINCH) {
    sent = send_signal(number);
  } else if (options.terminal >= 0) {
    sent = send_window_size(window_size_of(options.terminal));
  }
  // A supervisor that has just finished still has its last message in the socket: the caller's loop
  // reads it.
  if (!sent && sent.error().sys_errno != EPIPE) {
    return sent;
  }
  return {};
}

WindowSize window_size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) {
    return {};
  }
  return {size.ws_row, size.ws_col};
}

} // namespace ebpfnet::shim
