#include "daemon/directories.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include "daemon/netlink/netns.hpp"

namespace ebpfnet {
namespace {

namespace fs = std::filesystem;

Result<void> make(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return Failure(Error{ErrorCode::internal, error.value(),
                         fmt::format("create '{}': {}", directory.string(), error.message()),
                         "run as root, on a file system with room that is not read-only"});
  }
  return {};
}

Result<void> share_mount(const fs::path& directory) {
  if (TRY(netlink::is_shared_mount(directory))) {
    return {};
  }
  if (::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0 ||
      ::mount(nullptr, directory.c_str(), nullptr, MS_SHARED | MS_REC, nullptr) != 0) {
    return Failure(
        Error{ErrorCode::unsupported, errno,
              fmt::format("make '{}' a shared mount: {}", directory.string(), std::strerror(errno)),
              fmt::format("mount --bind {0} {0} && mount --make-shared {0}", directory.string())});
  }
  return {};
}

} // namespace

Result<std::vector<state::DirLock>> prepare_directories(const network::Options& options) {
  if (::geteuid() != 0) {
    return Failure(Error{ErrorCode::forbidden, 0, "ebpfnetd needs root", "run it with sudo"});
  }
  std::vector<state::DirLock> locks;
  TRY_VOID(make(options.state_dir));
  TRY_VOID(make(options.run_dir / "netns"));
  TRY_VOID(make(options.run_dir / "sandboxes"));
  TRY_VOID(make(options.state_dir / "sandboxes"));
  locks.push_back(TRY(state::DirLock::acquire(options.state_dir, "ebpfnetd")));
  locks.push_back(TRY(state::DirLock::acquire(options.run_dir, "ebpfnetd")));
  TRY_VOID(share_mount(options.run_dir / "netns"));
  return locks;
}

} // namespace ebpfnet
