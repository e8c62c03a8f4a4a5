// Small files read and replaced whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::shim {

// The whole file; for a file that does not exist sys_errno is ENOENT.
Result<std::string> read_file(const std::filesystem::path& path);
Result<std::string> read_all(int fd);

// Loops over short writes and EINTR.
Result<void> write_all(int fd, std::string_view bytes);

enum class Durability { none, synced };
// Readers see the old or the new content: a temporary name, then rename. Synced: file and directory
// are on the disk when it returns. Mode 0600.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content,
                          Durability durability);

} // namespace ebpfnet::shim
