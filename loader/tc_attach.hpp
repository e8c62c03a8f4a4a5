// One program on one tc hook of one interface of the calling thread's network namespace: as a
// pinned tcx link, or as a clsact filter. Attaching again replaces the program atomically; programs
// of others on the same hook are left alone.
//
// A link is for devices that stay: the kernel waits for an RCU grace period (10-20 ms) with its
// network lock held when one is made, and again when it ends, also when its device is deleted
// (tcx_entry_sync, include/net/tcx.h). Filters cost no such wait, and about 25 ns per packet.
#pragma once

#include <filesystem>
#include <optional>

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

// The qdisc that holds the filters of both directions; success also when there is one.
Result<void> ensure_clsact(IfIndex device);
// Needs ensure_clsact. The filter ends with its device.
Result<void> attach_clsact(int program, IfIndex device, Hook hook);
// Removes our filter; the clsact qdisc stays, since others may use it. A device that is gone is
// success.
Result<void> detach_clsact(IfIndex device, Hook hook);
// The kernel's id of the program in our filter; none: there is no filter, or no such device.
Result<std::optional<std::uint32_t>> clsact_program(IfIndex device, Hook hook);

} // namespace ebpfnet::loader
