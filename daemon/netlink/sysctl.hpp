// Kernel settings below /proc/sys. Keys are paths ("net/ipv4/conf/br0/forwarding"), so that an
// interface name may hold a dot. Settings below net/ are those of the calling thread's network
// namespace: use in_netns for another one.
#pragma once

#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::netlink {

// The value without the closing line feed. Errors: not_found when the kernel has no such setting.
Result<std::string> read_sysctl(std::string_view key);

Result<void> write_sysctl(std::string_view key, std::string_view value);

// "/proc/sys/<key>"; refuses empty, "." and ".." pieces, which could lead out of /proc/sys.
Result<std::string> sysctl_path(std::string_view key);

} // namespace ebpfnet::netlink
