// The daemon's side: starts a supervisor that outlives the daemon, and waits until the command runs
// or says why not.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "daemon/shim/cgroup.hpp"
#include "daemon/shim/spec.hpp"
#include "daemon/shim/state.hpp"

namespace ebpfnet::shim {

inline constexpr int kSpecFd = 3;
inline constexpr int kLauncherFd = 4;

struct Launched {
  pid_t shim_pid = 0;
  pid_t pid = 0;                       // 0 with attach: not started until the client came
  std::filesystem::path attach_socket; // empty without attach
};

// Thread-safe; any number at a time for different sandboxes, one at a time for one sandbox. Blocks
// until the command was exec'd, with attach until the supervisor listens (a client must come within
// 10 s; how its start went is told to the client and found in read_state). Errors: invalid,
// conflict (already running), no_command, not_executable, internal; nothing is left then: no
// process, no cgroup, no file but the log.
Result<Launched> launch(const LaunchSpec& spec);

// The same in the namespaces and the cgroup of a running sandbox; `target_pid` is its main process.
// 0: the sandbox has no process, and mount and UTS namespaces are made as for run. Leaves no files;
// ends without touching the others. Errors: also conflict "sandbox is not running".
Result<Launched> launch_exec(const LaunchSpec& spec, pid_t target_pid);

// Ends everything of a sandbox that was started by `launch`: its processes, and a supervisor that
// still waits for a client. Waits until the supervisor has written how it ended.
Result<void> end_all(const std::filesystem::path& run_dir, const std::filesystem::path& state_dir,
                     const std::filesystem::path& cgroup_dir);

} // namespace ebpfnet::shim
