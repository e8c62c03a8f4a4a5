// What is known about a sandbox's process, from the files that its supervisor writes:
// run_dir/shim.json (pids, with start times against reuse) and state_dir/exit.json (how it ended;
// survives a reboot).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {

struct ProcessState {
  bool running = false;
  pid_t shim_pid = 0; // 0: the supervisor is gone; with `running` the caller should kill_cgroup
                      // what it left behind
  pid_t pid = 0;      // 0: not started yet, or ended
  std::uint64_t pid_start = 0;  // of pid: /proc/PID/stat field 22, clock ticks since boot
  std::optional<int> exit_code; // none: never started, waiting for a client, or running
  std::string started_at;       // RFC 3339, UTC; empty: never
  std::string finished_at;      // empty: running, or unknown (power loss, killed supervisor)
  std::string error;            // why an attached start failed
};

// The truth at this moment. A run that ended without a record (supervisor killed, power lost) has
// exit code 137.
Result<ProcessState> read_state(const std::filesystem::path& run_dir,
                                const std::filesystem::path& state_dir);

// Becomes readable when the process ends. Errors: not_found.
Result<UniqueFd> open_pidfd(pid_t pid);

// Errors: conflict "is not running". Never hits another process that got the same pid.
Result<void> signal_process(const ProcessState& state, int signal_number);

// --- for the supervisor and the launcher
// -------------------------------------------------------------------------

struct ShimRecord {
  pid_t shim_pid = 0;
  std::uint64_t shim_start = 0;
  pid_t pid = 0; // 0: the command has not started
  std::uint64_t pid_start = 0;
  std::string started_at;
};
struct ExitRecord {
  pid_t shim_pid = 0; // whose run this is
  std::uint64_t shim_start = 0;
  std::optional<int> exit_code; // none: started, not ended
  std::string started_at, finished_at, error;
};
Result<void> write_shim_record(const std::filesystem::path& run_dir, const ShimRecord& record);
// On the disk when it returns if it has an exit code.
Result<void> write_exit_record(const std::filesystem::path& state_dir, const ExitRecord& record);

// Start time of a living process, 0 when there is none (zombies count as none).
std::uint64_t start_time(pid_t pid);
std::string utc_now();

} // namespace ebpfnet::shim
