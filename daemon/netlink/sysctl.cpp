// Plain file reads and writes; procfs wants a value in one write.
#include "daemon/netlink/sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

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
  std::string value;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
    value.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (got < 0) {
    return sysctl_failure(errno, "read", key);
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
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return sysctl_failure(errno, fmt::format("write '{}' to", value), key);
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
