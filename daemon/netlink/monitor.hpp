// Tells that interfaces, addresses or routes of a namespace changed; changes of chosen interfaces
// and of routes through them are passed over, those of their addresses are not. It says that, not
// what: the caller lists again, which also covers what was missed. The file descriptor goes into
// the event loop.
#pragma once

#include <functional>

#include "maps/types/error.hpp"
#include "maps/types/id.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::netlink {

class Monitor {
public:
  using PassOver = std::function<bool(IfIndex)>;
  // In the calling thread's network namespace.
  static Result<Monitor> open(PassOver pass_over = nullptr);

  int fd() const { return fd_.get(); } // readable when drain has something to read

  // Reads what is pending, without waiting. True when something changed; `*resync` (may be null) is
  // set to whether events were lost, so that not even what changed can be known.
  Result<bool> drain(bool* resync);

private:
  Monitor(UniqueFd fd, PassOver pass_over) : fd_(std::move(fd)), pass_over_(std::move(pass_over)) {}
  UniqueFd fd_;
  PassOver pass_over_;
};

} // namespace ebpfnet::netlink
