// The cgroup2 directory of one sandbox: made before its first process, ended and removed as a
// whole. The supervisor is never inside.
#pragma once

#include <filesystem>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::shim {

// Makes the directory and its parents. Refuses a place that is not on a cgroup2 mount, and leaves
// nothing there.
Result<void> create_cgroup(const std::filesystem::path& cgroup_dir);

// A descriptor through which a process can put itself into the cgroup by writing "0".
Result<UniqueFd> open_cgroup_procs(const std::filesystem::path& cgroup_dir);

// Ends every process in the directory and below (cgroup.kill; before kernel 5.14 SIGKILL until none
// is left), waits up to 10 s until they are gone and removes the directories. A directory that does
// not exist is fine.
Result<void> kill_cgroup(const std::filesystem::path& cgroup_dir);

// Removes the directory and those below if no process is left in them; otherwise an error with
// errno EBUSY.
Result<void> remove_cgroup(const std::filesystem::path& cgroup_dir);

} // namespace ebpfnet::shim
