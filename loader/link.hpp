// BPF links that are pinned: one program at one place of the kernel, replaced atomically, alive
// without the daemon.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "maps/types/error.hpp"

namespace ebpfnet::loader {

// Attaches `program` (a file descriptor) to `target` (an interface index or a cgroup descriptor,
// as the attach type wants), or puts it in the place of the one that `pin` holds. A pin whose place
// is gone is replaced.
Result<void> attach_link(int program, int target, int attach_type,
                         const std::filesystem::path& pin);

// The kernel's id of the program of the link that is pinned there; none: there is no link.
std::optional<std::uint32_t> link_program(const std::filesystem::path& pin);

// Detaches, at once, and removes the pin. A pin that is not there is success.
Result<void> detach_link(const std::filesystem::path& pin);

} // namespace ebpfnet::loader
