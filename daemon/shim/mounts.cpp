#include "daemon/shim/mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <array>

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
// A directory that exists everywhere and gets its own mount later: the place where /etc's layers
// are put together.
constexpr const char* kScratch = "/sys";

bool exists(const fs::path& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

Result<void> mount_at(const char* source, const fs::path& target, const char* type,
                      unsigned long flags, const char* data = nullptr) {
  if (::mount(source, target.c_str(), type, flags, data) != 0) {
    return fail_errno(errno, "mount {} on '{}'", type != nullptr ? type : source, target.string());
  }
  return {};
}

// The mounts at `path`, as a tree that is attached nowhere yet.
Result<UniqueFd> clone_tree(const fs::path& path) {
  UniqueFd tree(
      ::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) {
    return fail_errno(errno, "clone the mounts at '{}'", path.string());
  }
  return tree;
}

Result<void> make_read_only(const UniqueFd& tree, const fs::path& path) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof(attributes)) != 0) {
    return fail_errno(errno, "make '{}' read-only", path.string());
  }
  return {};
}

Result<void> attach_tree(const UniqueFd& tree, const fs::path& path) {
  if (::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return fail_errno(errno, "attach the mounts at '{}'", path.string());
  }
  return {};
}

Result<void> create_file(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) {
    return fail_errno(errno, "create '{}'", path.string());
  }
  return {};
}

Result<void> make_directory(const fs::path& path, const struct stat& like) {
  if (::mkdir(path.c_str(), 0700) != 0 || ::chown(path.c_str(), like.st_uid, like.st_gid) != 0 ||
      ::chmod(path.c_str(), like.st_mode & 07777) != 0) {
    return fail_errno(errno, "create '{}'", path.string());
  }
  return {};
}

Result<void> overlay_etc(const struct stat& etc) {
  const fs::path scratch(kScratch);
  TRY_VOID(make_directory(scratch / "upper", etc));
  TRY_VOID(make_directory(scratch / "work", etc));
  return mount_at("overlay", "/etc", "overlay", 0,
                  "lowerdir=/etc,upperdir=/sys/upper,workdir=/sys/work");
}

// One entry of /etc, made in the mirror: a directory or file is bound, a symlink is made again.
Result<void> mirror_entry(const fs::path& entry, const fs::path& mirror) {
  struct stat info{};
  if (::lstat(entry.c_str(), &info) != 0) {
    return {}; // went away meanwhile
  }
  const fs::path target = mirror / entry.filename();
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    fs::copy_symlink(entry, target, error);
    return {};
  }
  if (S_ISDIR(info.st_mode)) {
    TRY_VOID(make_directory(target, info));
  } else {
    TRY_VOID(create_file(target));
  }
  return mount_at(entry.c_str(), target, nullptr, MS_BIND | MS_REC);
}

bool is_replaced(const LaunchSpec& spec, const std::string& name) {
  return (name == "resolv.conf" && !spec.resolv_conf.empty()) ||
         (name == "hosts" && !spec.hosts.empty()) ||
         (name == "hostname" && !spec.hostname_file.empty());
}

Result<void> mirror_etc(const LaunchSpec& spec, const struct stat& etc) {
  const fs::path mirror = fs::path(kScratch) / "mirror";
  TRY_VOID(make_directory(mirror, etc));
  std::error_code error;
  for (fs::directory_iterator it("/etc", error), end; !error && it != end; it.increment(error)) {
    if (!is_replaced(spec, it->path().filename())) {
      TRY_VOID(mirror_entry(it->path(), mirror));
    }
  }
  if (error) {
    return fail_errno(error.value(), "read '/etc'");
  }
  return mount_at(mirror.c_str(), "/etc", nullptr, MS_BIND | MS_REC);
}

// Puts `source` at `target`, which may be a symlink, absent or a file; /etc is ours already.
Result<void> bind_file(const fs::path& source, const fs::path& target) {
  if (source.empty()) {
    return {};
  }
  struct stat info{};
  if (::lstat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode) &&
      ::unlink(target.c_str()) != 0) {
    return fail_errno(errno, "replace '{}'", target.string());
  }
  TRY_VOID(create_file(target));
  return mount_at(source.c_str(), target, nullptr, MS_BIND);
}

// Name services of the host answer for the host, past the sandbox's resolv.conf.
Result<void> hide_resolvers(bool own_resolv_conf) {
  for (const char* directory : {"/run/nscd", "/var/run/nscd"}) {
    if (exists(directory)) {
      TRY_VOID(mount_at("tmpfs", directory, "tmpfs", kPlain | MS_RDONLY, "mode=0755,size=4k"));
    }
  }
  if (own_resolv_conf && exists("/run/systemd/resolve")) {
    return mount_at("tmpfs", "/run/systemd/resolve", "tmpfs", kPlain | MS_RDONLY,
                    "mode=0755,size=4k");
  }
  // The host's /etc/resolv.conf may be a symlink into that directory: only the sockets go.
  for (const char* socket : {"/run/systemd/resolve/io.systemd.Resolve",
                             "/run/systemd/resolve/io.systemd.Resolve.Monitor"}) {
    if (exists(socket)) {
      TRY_VOID(mount_at("/dev/null", socket, nullptr, MS_BIND));
    }
  }
  return {};
}

// The kernel refuses the sysfs that is there already, which means that it shows the right network
// namespace ("host" mode); then it stays, with what is mounted below.
Result<void> keep_sysfs(bool read_only) {
  if (read_only) {
    const UniqueFd tree = TRY(clone_tree("/sys"));
    TRY_VOID(make_read_only(tree, "/sys"));
    return attach_tree(tree, "/sys");
  }
  return {};
}

Result<void> mount_sysfs(bool read_only) {
  UniqueFd cgroup;
  if (exists("/sys/fs/cgroup")) {
    cgroup = TRY(clone_tree("/sys/fs/cgroup"));
  }
  if (auto mounted = mount_at("sysfs", "/sys", "sysfs", kPlain); !mounted) {
    return mounted.error().sys_errno == EBUSY ? keep_sysfs(read_only) : mounted;
  }
  if (read_only) {
    // Of this mount only: the file system is shared by all sandboxes of one network namespace.
    TRY_VOID(mount_at("/sys", "/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kPlain));
  }
  if (cgroup && exists("/sys/fs/cgroup")) {
    if (read_only) {
      TRY_VOID(make_read_only(cgroup, "/sys/fs/cgroup"));
    }
    TRY_VOID(attach_tree(cgroup, "/sys/fs/cgroup"));
  }
  return {};
}

// Docker's read-only paths: uid 0 may write there without any capability.
Result<void> protect_proc() {
  for (const char* path :
       {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}) {
    if (exists(path)) {
      const UniqueFd tree = TRY(clone_tree(path));
      TRY_VOID(make_read_only(tree, path));
      TRY_VOID(attach_tree(tree, path));
    }
  }
  return {};
}

} // namespace

Result<void> build_mounts(const LaunchSpec& spec) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return fail_errno(errno, "keep the sandbox's mounts away from the host's");
  }
  if (!spec.resolv_conf.empty() || !spec.hosts.empty() || !spec.hostname_file.empty()) {
    if (auto covered = cover_etc(spec, EtcCover::overlay); !covered) {
      TRY_VOID(cover_etc(spec, EtcCover::mirror));
    }
  }
  if (spec.hide_resolvers) {
    TRY_VOID(hide_resolvers(!spec.resolv_conf.empty()));
  }
  TRY_VOID(mount_sysfs(!spec.process.privileged));
  if (!spec.process.privileged) {
    TRY_VOID(protect_proc());
  }
  return {};
}

Result<void> cover_etc(const LaunchSpec& spec, EtcCover method) {
  struct stat etc{};
  if (::stat("/etc", &etc) != 0) {
    return fail_errno(errno, "look at '/etc'");
  }
  TRY_VOID(mount_at("tmpfs", kScratch, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64m"));
  const Result<void> covered =
      method == EtcCover::overlay ? overlay_etc(etc) : mirror_etc(spec, etc);
  if (::umount2(kScratch, MNT_DETACH) != 0) {
    return fail_errno(errno, "detach '{}'", kScratch);
  }
  TRY_VOID(covered);
  TRY_VOID(bind_file(spec.resolv_conf, "/etc/resolv.conf"));
  TRY_VOID(bind_file(spec.hosts, "/etc/hosts"));
  return bind_file(spec.hostname_file, "/etc/hostname");
}

} // namespace ebpfnet::shim
