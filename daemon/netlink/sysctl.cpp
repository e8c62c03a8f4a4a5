// Plain file reads and writes. The kernel gives a value in one read only, and takes a long list of
// ports a page at a time.
#include "daemon/netlink/sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::netlink {

namespace {

Failure sysctl_failure(int error, std::string_view doing, std::string_view key) {
  Failure failure = fail_errno(error, "{} the kernel setting '{}'", doing, key);
  if (error == ENOENT) {
    failure.error().code = ErrorCode::not_found;
    failure.error().hint =
        "the interface is gone, or this kernel was built or booted without the feature";
  } else if (error == EROFS) {
    failure.error().hint = "/proc/sys is mounted read-only here";
  } else if (error == EACCES || error == EPERM) {
    failure.error().code = ErrorCode::forbidden;
    failure.error().hint = "this needs root";
  }
  return failure;
}

} // namespace

Result<std::string> read_sysctl(std::string_view key) {
  const UniqueFd fd(::open(TRY(sysctl_path(key)).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return sysctl_failure(errno, "read", key);
  }
  constexpr std::size_t kLongest = std::size_t{1} << 20;
  constexpr std::size_t kPiece = 16; // a value may end before a piece that does not fit
  std::string value;
  for (std::size_t size = 4096;; size *= 4) {
    value.resize(size);
    const ssize_t got = ::pread(fd.get(), value.data(), size, 0);
    if (got < 0) {
      return sysctl_failure(errno, "read", key);
    }
    value.resize(static_cast<std::size_t>(got));
    if (value.size() + kPiece < size || size >= kLongest) {
      break;
    }
  }
  if (value.ends_with('\n')) {
    value.pop_back();
  }
  return value;
}

Result<void> write_sysctl(std::string_view key, std::string_view value) {
  const UniqueFd fd(::open(TRY(sysctl_path(key)).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) {
    return sysctl_failure(errno, "write", key);
  }
  for (std::string_view rest = value; !rest.empty();) {
    errno = 0;
    const ssize_t written = ::write(fd.get(), rest.data(), rest.size());
    if (written <= 0) {
      return sysctl_failure(errno == 0 ? EINVAL : errno,
                            fmt::format("write '{}' to", value.substr(0, 80)), key);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> sysctl_path(std::string_view key) {
  std::string_view rest = key;
  for (;;) {
    const std::string_view piece = rest.substr(0, rest.find('/'));
    if (piece.empty() || piece == "." || piece == ".." ||
        piece.find('\0') != std::string_view::npos) {
      return fail(ErrorCode::invalid,
                  "'{}' is not the path of a kernel setting, as net/ipv4/ip_forward is", key);
    }
    if (piece.size() == rest.size()) {
      return fmt::format("/proc/sys/{}", key);
    }
    rest.remove_prefix(piece.size() + 1);
  }
}

} // namespace ebpfnet::netlink
