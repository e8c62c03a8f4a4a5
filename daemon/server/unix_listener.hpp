// A listening unix socket that appears at once with its final owner and mode, replaces the leftover
// of a killed daemon and never the socket of a living one.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "daemon/server/listener.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::server {

class UnixListener final : public Listener {
public:
  // `group`: owner group of the socket file; a group that does not exist, or "", leaves the
  // process's own. Refuses a path longer than the kernel takes (107 bytes), a file that is no
  // socket, and a socket that answers.
  static Result<UnixListener> listen(const std::filesystem::path& path, mode_t mode,
                                     const std::string& group);

  // Removes the file unless somebody else's has taken its place.
  void withdraw() const override;

private:
  UnixListener(UniqueFd fd, std::filesystem::path path, const struct stat& file)
      : Listener(std::move(fd)), path_(std::move(path)), device_(file.st_dev), inode_(file.st_ino) {
  }

  std::filesystem::path path_;
  dev_t device_;
  ino_t inode_;
};

} // namespace ebpfnet::server
