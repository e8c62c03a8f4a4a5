#include "daemon/shim/cgroup.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/vfs.h>

#include <chrono>
#include <sstream>
#include <vector>

#include "daemon/shim/file_io.hpp"

#include <linux/magic.h>

namespace ebpfnet::shim {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr auto kKillLimit = std::chrono::seconds(10);

bool on_cgroup2(const fs::path& path) {
  struct statfs info{};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

// The directory and everything below, deepest first.
std::vector<fs::path> cgroups_bottom_up(const fs::path& cgroup_dir) {
  std::vector<fs::path> found{cgroup_dir};
  std::error_code error;
  for (fs::recursive_directory_iterator it(cgroup_dir, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      found.push_back(it->path());
    }
  }
  return {found.rbegin(), found.rend()};
}

void kill_one_by_one(const fs::path& cgroup_dir) {
  for (const fs::path& directory : cgroups_bottom_up(cgroup_dir)) {
    std::istringstream pids(read_file(directory / "cgroup.procs").value_or(std::string()));
    for (pid_t pid = 0; pids >> pid;) {
      if (pid > 0) {
        ::kill(pid, SIGKILL);
      }
    }
  }
}

bool is_populated(const fs::path& cgroup_dir) {
  const auto events = read_file(cgroup_dir / "cgroup.events");
  return events && events->find("populated 1") != std::string::npos;
}

// Sleeps until cgroup.events changes or 20 ms have passed.
void wait_for_event(const fs::path& cgroup_dir) {
  const UniqueFd events(::open((cgroup_dir / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  const auto now = events ? read_all(events.get()) : Result<std::string>(std::string());
  if (!now || now->find("populated 1") == std::string::npos) {
    return;
  }
  pollfd polled{events.get(), POLLPRI, 0};
  ::poll(&polled, 1, 20);
}

} // namespace

Result<void> create_cgroup(const fs::path& cgroup_dir) {
  fs::path existing = cgroup_dir;
  std::error_code error;
  while (!existing.empty() && existing != existing.parent_path() && !fs::exists(existing, error)) {
    existing = existing.parent_path();
  }
  if (!on_cgroup2(existing)) {
    return fail(ErrorCode::invalid, "'{}' is not below a cgroup2 mount", cgroup_dir.string());
  }
  fs::create_directories(cgroup_dir, error);
  if (error) {
    return fail_errno(error.value(), "create cgroup '{}'", cgroup_dir.string());
  }
  return {};
}

Result<UniqueFd> open_cgroup_procs(const fs::path& cgroup_dir) {
  UniqueFd fd(::open((cgroup_dir / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open '{}/cgroup.procs'", cgroup_dir.string());
  }
  return fd;
}

Result<void> kill_cgroup(const fs::path& cgroup_dir) {
  const auto deadline = Clock::now() + kKillLimit;
  while (true) {
    if (is_populated(cgroup_dir)) {
      const UniqueFd kill(::open((cgroup_dir / "cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
      if (!kill || ::write(kill.get(), "1", 1) != 1) {
        kill_one_by_one(cgroup_dir);
      }
    } else if (auto removed = remove_cgroup(cgroup_dir);
               removed || removed.error().sys_errno != EBUSY) {
      return removed;
    }
    wait_for_event(cgroup_dir);
    if (Clock::now() > deadline) {
      return fail(ErrorCode::internal, "processes in cgroup '{}' did not end within {} s",
                  cgroup_dir.string(), kKillLimit.count());
    }
  }
}

Result<void> remove_cgroup(const fs::path& cgroup_dir) {
  for (const fs::path& directory : cgroups_bottom_up(cgroup_dir)) {
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) {
      return fail_errno(errno, "remove cgroup '{}'", directory.string());
    }
  }
  return {};
}

} // namespace ebpfnet::shim
