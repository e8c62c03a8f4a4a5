// The terminal in raw mode, so that every key reaches the process in the sandbox; restored at the
// end of the scope.
#pragma once

#include <termios.h>

#include "maps/types/error.hpp"

namespace ebpfnet::cli {

class RawTerminal {
public:
  // Does nothing until `enter`.
  RawTerminal() = default;
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // `fd` must stay open.
  Result<void> enter(int fd);

private:
  int fd_ = -1;
  termios before_{};
};

} // namespace ebpfnet::cli
