// Bind under a temporary name, set owner and mode, listen, rename: see unix_listener.hpp.
#include "daemon/server/unix_listener.hpp"

#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace ebpfnet::server {
namespace {

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.empty() || text.size() >= sizeof(address.sun_path)) {
    return Failure(Error{ErrorCode::invalid, 0,
                         fmt::format("socket path '{}' has {} bytes, the kernel takes 1..{}", text,
                                     text.size(), sizeof(address.sun_path) - 1),
                         "choose a shorter run directory"});
  }
  text.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

Result<UniqueFd> open_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return fail_errno(errno, "open a unix socket");
  }
  return fd;
}

// Fails when something that must stay stands at `path`.
Result<void> check_replaceable(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) {
      return {};
    }
    return fail_errno(errno, "look at '{}'", path.native());
  }
  if (!S_ISSOCK(file.st_mode)) {
    return fail(ErrorCode::conflict, "'{}' exists and is not a socket", path.native());
  }
  UniqueFd probe = TRY(open_socket());
  int rc = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (rc != 0 && errno == ECONNREFUSED) {
    return {}; // nobody listens: the leftover of a daemon that was killed
  }
  if (rc == 0 || errno == EAGAIN || errno == EINPROGRESS) {
    return Failure(Error{ErrorCode::conflict, 0,
                         fmt::format("another process answers on '{}'", path.native()),
                         "stop the other daemon or give this one its own --run-dir"});
  }
  return fail_errno(errno, "try the socket '{}'", path.native());
}

std::optional<gid_t> group_id(const std::string& name) {
  std::array<char, 16384> buffer{};
  group entry{};
  group* found = nullptr;
  if (name.empty() ||
      ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return found->gr_gid;
}

Result<void> give_to(const std::filesystem::path& path, mode_t mode, const std::string& group) {
  std::optional<gid_t> gid = group_id(group);
  if (gid && ::chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
    return fail_errno(errno, "give '{}' to group {}", path.native(), group);
  }
  if (::chmod(path.c_str(), mode) != 0) {
    return fail_errno(errno, "set the mode of '{}'", path.native());
  }
  return {};
}

} // namespace

Result<UnixListener> UnixListener::listen(const std::filesystem::path& path, mode_t mode,
                                          const std::string& group) {
  sockaddr_un address = TRY(address_of(path));
  TRY_VOID(check_replaceable(path, address));
  std::filesystem::path temporary = path.native() + ".new";
  sockaddr_un temporary_address = TRY(address_of(temporary));
  UniqueFd fd = TRY(open_socket());
  ::unlink(temporary.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&temporary_address),
             sizeof(temporary_address)) != 0) {
    return fail_errno(errno, "bind '{}'", temporary.native());
  }
  Result<void> given = give_to(temporary, mode, group);
  struct stat file{};
  if (given && (::listen(fd.get(), SOMAXCONN) != 0 || ::lstat(temporary.c_str(), &file) != 0 ||
                ::rename(temporary.c_str(), path.c_str()) != 0)) {
    given = fail_errno(errno, "listen on '{}'", path.native());
  }
  if (!given) {
    ::unlink(temporary.c_str());
    return Failure(std::move(given).error());
  }
  return UnixListener(std::move(fd), path, file);
}

void UnixListener::withdraw() const {
  struct stat file{};
  if (::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

} // namespace ebpfnet::server
