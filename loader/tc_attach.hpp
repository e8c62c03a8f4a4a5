// One program on one tc hook of one interface of the calling thread's network namespace: as a
// pinned tcx link where the kernel has them, as a clsact filter otherwise. Attaching again replaces
// the program atomically; programs of others on the same hook are left alone.
#pragma once

#include <filesystem>

#include "loader/program_table.hpp"
#include "maps/types/error.hpp"
#include "maps/types/id.hpp"

namespace ebpfnet::loader {

// Linux 6.6, include/uapi/linux/bpf.h; not in the headers of 6.1.
inline constexpr int kTcxIngress = 46;
inline constexpr int kTcxEgress = 47;

// Attaches `program` (a file descriptor), or puts it in the place of the one that `pin` holds. A
// pin whose interface is gone is replaced. detach_link takes it off.
Result<void> attach_tcx(int program, IfIndex device, Hook hook, const std::filesystem::path& pin);

Result<void> attach_clsact(int program, IfIndex device, Hook hook);
// Removes our filter; the clsact qdisc stays, since others may use it. A device that is gone is
// success.
Result<void> detach_clsact(IfIndex device, Hook hook);

} // namespace ebpfnet::loader
