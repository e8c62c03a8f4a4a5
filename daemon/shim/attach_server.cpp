#include "daemon/shim/attach_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <optional>

namespace ebpfnet::shim {
namespace {

using Clock = std::chrono::steady_clock;

bool readable_until(int fd, Clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd polled{fd, POLLIN, 0};
    const int count = ::poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (count >= 0 || errno != EINTR) {
      return count > 0;
    }
  }
}

std::optional<AttachedClient> greet(UniqueFd socket, Clock::time_point deadline) {
  std::vector<UniqueFd> fds;
  if (!readable_until(socket.get(), deadline)) {
    return std::nullopt;
  }
  const auto message = receive_message(socket.get(), fds);
  if (!message || message->type != MessageType::stdio || fds.size() != 3) {
    return std::nullopt;
  }
  AttachedClient client;
  client.socket = std::move(socket);
  client.stdio = {std::move(fds[0]), std::move(fds[1]), std::move(fds[2])};
  client.size = {static_cast<std::uint16_t>(message->a), static_cast<std::uint16_t>(message->b)};
  return client;
}

} // namespace

Result<AttachListener> AttachListener::listen(const std::filesystem::path& run_dir,
                                              const std::string& name) {
  const UniqueFd folder(::open(run_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info{};
  if (!folder || ::fstat(folder.get(), &info) != 0) {
    return fail_errno(errno, "open '{}'", run_dir.string());
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) {
    return fail_errno(errno, "make the attach socket");
  }
  // Through /proc/self/fd, since sun_path holds 107 bytes.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::invalid, "attach socket name '{}' is too long", name);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  ::umask(mask);
  if (bound != 0) {
    return fail_errno(error, "bind the attach socket '{}/{}'", run_dir.string(), name);
  }
  AttachListener listener(std::move(socket), run_dir / name);
  if (::chown(path.c_str(), static_cast<uid_t>(-1), info.st_gid) != 0 ||
      ::chmod(path.c_str(), 0660) != 0 || ::listen(listener.socket_.get(), 8) != 0) {
    return fail_errno(errno, "open the attach socket '{}/{}'", run_dir.string(), name);
  }
  return listener;
}

AttachListener::~AttachListener() {
  if (socket_) {
    ::unlink(path_.c_str());
  }
}

Result<AttachedClient> AttachListener::accept(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (readable_until(socket_.get(), deadline)) {
    UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      if (auto client = greet(std::move(connection), deadline)) {
        return std::move(*client);
      }
    }
  }
  return fail(ErrorCode::unavailable, "no client came within {} s",
              std::chrono::duration_cast<std::chrono::seconds>(limit).count());
}

} // namespace ebpfnet::shim
