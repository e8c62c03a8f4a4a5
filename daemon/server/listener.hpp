// A socket on which a server accepts connections, whatever its family.
#pragma once

#include "maps/types/unique_fd.hpp"

namespace ebpfnet::server {

class Listener {
public:
  virtual ~Listener() = default;

  int fd() const { return fd_.get(); }
  UniqueFd release_fd() { return std::move(fd_); }
  // Takes away what is left of the socket where clients look for it.
  virtual void withdraw() const {}

protected:
  explicit Listener(UniqueFd fd) : fd_(std::move(fd)) {}
  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = default;

private:
  UniqueFd fd_;
};

} // namespace ebpfnet::server
