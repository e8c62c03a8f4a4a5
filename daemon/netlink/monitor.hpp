// Tells that interfaces, addresses or routes of a namespace changed. It says that, not what: the
// caller lists again, which also covers what was missed. The file descriptor goes into the event
// loop.
#pragma once

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::netlink {

class Monitor {
public:
  // In the calling thread's network namespace.
  static Result<Monitor> open();

  int fd() const { return fd_.get(); } // readable when drain has something to read

  // Reads what is pending, without waiting. True when something changed; `*resync` (may be null) is
  // set to whether events were lost, so that not even what changed can be known.
  Result<bool> drain(bool* resync);

private:
  explicit Monitor(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

} // namespace ebpfnet::netlink
