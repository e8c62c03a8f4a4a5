// Raw mode by termios.
#include "cli/terminal.hpp"

namespace ebpfnet::cli {

Result<void> RawTerminal::enter(int fd) {
  if (::tcgetattr(fd, &before_) != 0) {
    return fail_errno(errno, "read the settings of the terminal");
  }
  termios raw = before_;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0) {
    return fail_errno(errno, "set the terminal to raw mode");
  }
  fd_ = fd;
  return {};
}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) {
    // Nothing better can be done when this fails: the program ends.
    static_cast<void>(::tcsetattr(fd_, TCSADRAIN, &before_));
  }
}

} // namespace ebpfnet::cli
