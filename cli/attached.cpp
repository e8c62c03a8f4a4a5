// Signals are taken from a signalfd while attached, so none of them can end this process before the
// other one.
#include "cli/attached.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "cli/terminal.hpp"
#include "daemon/shim/attach.hpp"

namespace ebpfnet::cli {
namespace {

constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

Result<UniqueFd> take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : kForwarded) {
    sigaddset(&set, number);
  }
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "take over signals");
  }
  return fd;
}

// Without -i the process reads an empty input, as in Docker.
Result<UniqueFd> input_for(const api::ProcessConfig& process) {
  UniqueFd fd(process.interactive ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                  : ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open the input of the command");
  }
  return fd;
}

} // namespace

Result<void> check_terminal(const api::ProcessConfig& process) {
  if (process.tty && process.interactive && ::isatty(STDIN_FILENO) == 0) {
    return Failure(Error{ErrorCode::invalid, 0, "-t: standard input is not a terminal",
                         "leave out -t when input comes from a pipe or file"});
  }
  return {};
}

Result<int> attach(const std::string& socket, const api::ProcessConfig& process) {
  if (socket.empty()) {
    return fail(ErrorCode::internal, "the daemon named no socket to attach to");
  }
  UniqueFd signals = TRY(take_signals());
  UniqueFd input = TRY(input_for(process));
  shim::AttachClient client = TRY(shim::AttachClient::connect(socket));
  RawTerminal terminal;
  int size_from = ::isatty(STDIN_FILENO) != 0 ? STDIN_FILENO : STDOUT_FILENO;
  if (process.tty && process.interactive) {
    TRY_VOID(terminal.enter(STDIN_FILENO));
  }
  TRY_VOID(client.send_stdio(input.get(), STDOUT_FILENO, STDERR_FILENO,
                             shim::window_size_of(size_from)));
  return client.wait({.signal_fd = signals.get(), .terminal = size_from, .on_started = nullptr});
}

} // namespace ebpfnet::cli
