// A listening unix socket that appears at once with its final owner and mode, replaces the leftover
// of a killed daemon and never the socket of a living one.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::server {

class UnixListener {
public:
  // `group`: owner group of the socket file; a group that does not exist, or "", leaves the
  // process's own. Refuses a path longer than the kernel takes (107 bytes), a file that is no
  // socket, and a socket that answers.
  static Result<UnixListener> listen(const std::filesystem::path& path, mode_t mode,
                                     const std::string& group);

  int fd() const { return fd_.get(); }
  UniqueFd release_fd() { return std::move(fd_); }
  // Removes the file unless somebody else's has taken its place.
  void unlink() const;

private:
  UnixListener(UniqueFd fd, std::filesystem::path path, const struct stat& file)
      : fd_(std::move(fd)), path_(std::move(path)), device_(file.st_dev), inode_(file.st_ino) {}

  UniqueFd fd_;
  std::filesystem::path path_;
  dev_t device_;
  ino_t inode_;
};

} // namespace ebpfnet::server
