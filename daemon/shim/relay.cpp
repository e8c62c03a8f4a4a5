#include "daemon/shim/relay.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <array>

#include "daemon/shim/file_io.hpp"

namespace ebpfnet::shim {
namespace {

constexpr std::size_t kChunk =
    4096; // PIPE_BUF: a pipe that polls writable takes this much without blocking
constexpr char kEndOfFile = 4; // ^D, the terminal's default VEOF

} // namespace

Result<Terminal> open_terminal(WindowSize size) {
  Terminal terminal;
  terminal.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!terminal.master || ::unlockpt(terminal.master.get()) != 0) {
    return fail_errno(errno, "open a pseudo-terminal");
  }
  if (size.rows != 0 && size.columns != 0) {
    const winsize window{size.rows, size.columns, 0, 0};
    ::ioctl(terminal.master.get(), TIOCSWINSZ, &window);
  }
  for (UniqueFd* fd : {&terminal.stdio.in, &terminal.stdio.out, &terminal.stdio.err}) {
    fd->reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!*fd) {
      return fail_errno(errno, "open the pseudo-terminal's other side");
    }
  }
  terminal.stdio.terminal = true;
  return terminal;
}

TerminalRelay::TerminalRelay(UniqueFd master, UniqueFd log, UniqueFd in, UniqueFd out)
    : master_(std::move(master)), log_(std::move(log)), in_(std::move(in)), out_(std::move(out)) {}

void TerminalRelay::add_polls(std::vector<pollfd>& polled) {
  const short output = to_client_.empty() ? POLLIN : 0;
  const short input = to_command_.empty() ? 0 : POLLOUT;
  const int master = output_ended_ || (output | input) == 0 ? -1 : master_.get();
  polled.push_back({master, static_cast<short>(output | input), 0});
  polled.push_back({to_command_.empty() ? in_.get() : -1, POLLIN, 0});
  polled.push_back({to_client_.empty() ? -1 : out_.get(), POLLOUT, 0});
}

void TerminalRelay::handle(const std::vector<pollfd>& polled, std::size_t first) {
  if ((polled[first].revents & POLLOUT) != 0) {
    write_out(master_, to_command_);
  }
  if ((polled[first].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    read_output();
  }
  if (polled[first + 1].revents != 0) {
    read_input();
  }
  if (polled[first + 2].revents != 0) {
    write_out(out_, to_client_);
  }
}

void TerminalRelay::read_output() {
  std::array<char, kChunk> chunk;
  const ssize_t count = ::read(master_.get(), chunk.data(), chunk.size());
  if (count <= 0) {
    output_ended_ = count == 0 || (errno != EAGAIN && errno != EINTR);
    return;
  }
  const std::string_view bytes(chunk.data(), static_cast<std::size_t>(count));
  if (log_ && !write_all(log_.get(), bytes)) {
    log_.reset(); // a full disk must not stop the command
  }
  if (out_) {
    to_client_ += bytes;
  }
}

void TerminalRelay::read_input() {
  std::array<char, 256> chunk; // less than a terminal's input queue
  const ssize_t count = ::read(in_.get(), chunk.data(), chunk.size());
  if (count > 0) {
    to_command_.append(chunk.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    in_.reset();
    to_command_ += kEndOfFile;
  }
}

void TerminalRelay::write_out(UniqueFd& fd, std::string& buffer) {
  const ssize_t count = ::write(fd.get(), buffer.data(), std::min(buffer.size(), kChunk));
  if (count >= 0) {
    buffer.erase(0, static_cast<std::size_t>(count));
  } else if (errno != EAGAIN && errno != EINTR) {
    buffer.clear();
    if (&fd == &out_) {
      out_.reset();
    }
  }
}

void TerminalRelay::resize(WindowSize size) {
  const winsize window{size.rows, size.columns, 0, 0};
  ::ioctl(master_.get(), TIOCSWINSZ, &window);
}

void TerminalRelay::drop_client() {
  in_.reset();
  out_.reset();
  to_client_.clear();
}

void TerminalRelay::drain() {
  in_.reset();
  to_command_.clear();
  while (true) {
    std::vector<pollfd> polled;
    add_polls(polled);
    const int limit_ms = to_client_.empty() ? 0 : 1000;
    if (::poll(polled.data(), polled.size(), limit_ms) <= 0) {
      return;
    }
    handle(polled, 0);
  }
}

} // namespace ebpfnet::shim
