// One daemon per state directory: a lock on DIR/.lock that the kernel drops when its holder ends,
// however it ends.
#pragma once

#include <filesystem>
#include <string_view>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::state {

class DirLock {
public:
  // DIR must exist. `conflict` when held: "another PURPOSE (pid N) uses directory 'DIR'".
  static Result<DirLock> acquire(const std::filesystem::path& dir, std::string_view purpose);
  // The same for a directory in which no file can be made (a bpf file system): the lock is on the
  // directory itself, and the holder's pid is not known.
  static Result<DirLock> acquire_directory(const std::filesystem::path& dir,
                                           std::string_view purpose);

private:
  explicit DirLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

} // namespace ebpfnet::state
