#include "daemon/state/lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <string>

namespace ebpfnet::state {

namespace {

// The pid that the holder wrote; "unknown" in the moment before it has.
std::string holder_of(int fd) {
  char text[16] = {};
  const auto length = ::pread(fd, text, sizeof text - 1, 0);
  std::string pid(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  pid.erase(pid.find_last_not_of('\n') + 1);
  return pid.empty() ? "unknown" : pid;
}

} // namespace

Result<DirLock> DirLock::acquire_directory(const std::filesystem::path& dir,
                                           std::string_view purpose) {
  UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open directory '{}'", dir.string());
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Failure(Error{ErrorCode::conflict, errno,
                         fmt::format("another {} uses directory '{}'", purpose, dir.string()),
                         "stop it first, or give this one a directory of its own"});
  }
  return DirLock(std::move(fd));
}

Result<DirLock> DirLock::acquire(const std::filesystem::path& dir, std::string_view purpose) {
  const auto file = dir / ".lock";
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    const int code = errno;
    Failure failure = fail_errno(code, "open lock file '{}'", file.string());
    return Failure(std::move(failure).error().with_hint(
        code == EROFS ? "its file system is read-only: mount -o remount,rw, or choose another one"
                      : "the directory must be writable by the daemon"));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return fail_errno(errno, "lock '{}'", file.string());
    }
    return Failure(Error{ErrorCode::conflict, EWOULDBLOCK,
                         fmt::format("another {} (pid {}) uses directory '{}'", purpose,
                                     holder_of(fd.get()), dir.string()),
                         "stop it first, or give this one a directory of its own"});
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  const bool told =
      ::ftruncate(fd.get(), 0) == 0 &&
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
  if (!told && errno != ENOSPC && errno != EDQUOT) { // on a full disk the lock holds as well
    return fail_errno(errno, "write pid to '{}'", file.string());
  }
  return DirLock(std::move(fd));
}

} // namespace ebpfnet::state
