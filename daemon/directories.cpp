#include "daemon/directories.hpp"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
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

struct CapabilityRow {
  int number;
  std::string_view name;
};

constexpr CapabilityRow kNeeded[] = {
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
    {CAP_BPF, "CAP_BPF"},
    {CAP_NET_RAW, "CAP_NET_RAW"},
    {CAP_KILL, "CAP_KILL"},
    {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
};

Result<void> check_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (::syscall(SYS_capget, &header, sets) != 0) {
    return fail_errno(errno, "capget");
  }
  std::string missing;
  for (const CapabilityRow& row : kNeeded) {
    if ((sets[row.number / 32].effective & (1U << (row.number % 32))) == 0) {
      missing += missing.empty() ? "" : ", ";
      missing += row.name;
    }
  }
  if (!missing.empty()) {
    return Failure(Error{ErrorCode::forbidden, 0, fmt::format("ebpfnetd lacks {}", missing),
                         "run it as root, as with sudo"});
  }
  return {};
}

} // namespace

Result<std::vector<state::DirLock>> prepare_directories(const network::Options& options) {
  TRY_VOID(check_privileges());
  std::vector<state::DirLock> locks;
  TRY_VOID(make(options.state_dir));
  TRY_VOID(make(options.run_dir / "netns"));
  TRY_VOID(make(options.run_dir / "sandboxes"));
  TRY_VOID(make(options.state_dir / "sandboxes"));
  locks.push_back(TRY(state::DirLock::acquire(options.state_dir, "ebpfnetd")));
  locks.push_back(TRY(state::DirLock::acquire(options.run_dir, "ebpfnetd")));
  TRY_VOID(make(options.bpffs));
  locks.push_back(TRY(state::DirLock::acquire_directory(options.bpffs, "ebpfnetd")));
  TRY_VOID(share_mount(options.run_dir / "netns"));
  return locks;
}

} // namespace ebpfnet
