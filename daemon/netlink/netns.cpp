// Namespace system calls. Every entry into a namespace goes through run_on_thread.
#include "daemon/netlink/netns.hpp"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <exception>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace ebpfnet::netlink {

namespace {

// Runs `fn` on a fresh thread and waits; its exceptions come out here.
Result<void> run_on_thread(const std::function<void()>& fn) {
  std::exception_ptr thrown;
  try {
    std::thread([&] {
      try {
        fn();
      } catch (...) {
        thrown = std::current_exception();
      }
    }).join();
  } catch (const std::system_error& error) {
    return fail_errno(error.code().value(), "start a thread for a network namespace");
  }
  if (thrown) {
    std::rethrow_exception(thrown);
  }
  return {};
}

Result<void> bring_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) < 0) {
    return fail_errno(errno, "read the flags of 'lo'");
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) {
    return fail_errno(errno, "set 'lo' up");
  }
  return {};
}

// Moves the calling thread into a new namespace and pins that on `file`.
Result<void> make_and_pin(const std::filesystem::path& file) {
  if (::unshare(CLONE_NEWNET) < 0) {
    const int error = errno;
    Failure failure = fail_errno(error, "create a network namespace");
    if (error == EPERM) {
      failure.error().hint = "this needs root or CAP_SYS_ADMIN";
    } else if (error == ENOSPC) {
      failure.error().hint = "the limit user.max_net_namespaces is reached";
    }
    return failure;
  }
  TRY_VOID(bring_loopback_up());
  if (::mount("/proc/thread-self/ns/net", file.c_str(), nullptr, MS_BIND, nullptr) < 0) {
    return fail_errno(errno, "bind-mount the network namespace on '{}'", file.native());
  }
  return {};
}

} // namespace

Result<void> adopt_netns(const std::filesystem::path& source, const std::filesystem::path& file) {
  const UniqueFd theirs = TRY(open_netns(source));
  const UniqueFd created(::open(file.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!created) {
    return fail_errno(errno, "create '{}' for a network namespace", file.native());
  }
  const std::string fd_path = fmt::format("/proc/self/fd/{}", theirs.get());
  if (::mount(fd_path.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) < 0) {
    Failure failure = fail_errno(errno, "bind-mount '{}' on '{}'", source.native(), file.native());
    ::unlink(file.c_str());
    return failure;
  }
  return {};
}

Result<UniqueFd> create_netns(const std::filesystem::path& file) {
  if (UniqueFd created(::open(file.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
      !created) {
    const int error = errno;
    Failure failure = fail_errno(error, "create '{}' for a network namespace", file.native());
    if (error == EEXIST) {
      failure.error().code = ErrorCode::conflict;
    }
    return failure;
  }
  Result<void> made;
  Result<void> ran = run_on_thread([&] { made = make_and_pin(file); });
  if (ran) {
    ran = std::move(made);
  }
  if (ran) {
    Result<UniqueFd> fd = open_netns(file);
    if (fd) {
      return fd;
    }
    ran = Failure(std::move(fd).error());
  }
  Error error = std::move(ran).error();
  if (Result<void> undone = remove_netns(file); !undone) {
    error.message += "; undo: " + undone.error().message;
  }
  return Failure(std::move(error));
}

Result<void> remove_netns(const std::filesystem::path& file) {
  // Until EINVAL: several mounts may lie on one file.
  while (::umount2(file.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) {
    return fail_errno(errno, "unmount the network namespace '{}'", file.native());
  }
  if (::unlink(file.c_str()) < 0 && errno != ENOENT) {
    return fail_errno(errno, "delete '{}'", file.native());
  }
  return {};
}

Result<UniqueFd> open_netns(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const int error = errno;
    Failure failure = fail_errno(error, "open the network namespace '{}'", file.native());
    if (error == ENOENT) {
      failure.error().code = ErrorCode::not_found;
      failure.error().hint = "it was removed; does the sandbox still exist?";
    }
    return failure;
  }
  if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    Failure failure = fail(ErrorCode::not_found, "'{}' is not a network namespace", file.native());
    failure.error().hint =
        "its mount is gone: after a reboot or an unmount the sandbox must be started again";
    return failure;
  }
  return fd;
}

Result<std::uint64_t> netns_cookie(int netns_fd) {
  const UniqueFd socket = TRY(open_socket_in(netns_fd, AF_UNIX, SOCK_DGRAM, 0));
  std::uint64_t cookie = 0;
  socklen_t cookie_bytes = sizeof(cookie);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &cookie_bytes) < 0) {
    return fail_errno(errno, "read the cookie of a network namespace (kernel 5.14 or later)");
  }
  return cookie;
}

Result<bool> is_shared_mount(const std::filesystem::path& path) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &status) < 0) {
    return fail_errno(errno, "look at '{}'", path.native());
  }
  std::ifstream file("/proc/thread-self/mountinfo");
  const std::string mountinfo((std::istreambuf_iterator<char>(file)),
                              std::istreambuf_iterator<char>());
  if (mountinfo.empty()) {
    return fail(ErrorCode::internal,
                "read /proc/thread-self/mountinfo: nothing to read (is /proc mounted?)");
  }
  return mount_is_shared(mountinfo, status.stx_mnt_id);
}

bool mount_is_shared(std::string_view mountinfo, std::uint64_t mount_id) {
  const std::string wanted = fmt::format("{} ", mount_id);
  while (!mountinfo.empty()) {
    const std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(line.size() + 1, mountinfo.size()));
    if (line.starts_with(wanted)) {
      // Fields: id parent dev root mountpoint options [shared:N ...] - type source. Blanks in paths
      // are escaped.
      const std::string_view before_type = line.substr(0, line.find(" - "));
      return before_type.find(" shared:") != std::string_view::npos;
    }
  }
  return false;
}

Result<void> run_in_netns(int netns_fd, const std::function<void()>& fn) {
  Result<void> entered;
  TRY_VOID(run_on_thread([&] {
    if (::setns(netns_fd, CLONE_NEWNET) < 0) {
      entered = fail_errno(errno, "enter a network namespace");
      return;
    }
    fn();
  }));
  return entered;
}

Result<UniqueFd> open_socket_in(int netns_fd, int domain, int type, int protocol) {
  return in_netns(netns_fd, [&]() -> Result<UniqueFd> {
    UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
    if (!socket) {
      return fail_errno(errno, "open a socket (domain {}, type {}, protocol {})", domain, type,
                        protocol);
    }
    return socket;
  });
}

} // namespace ebpfnet::netlink
