#include "daemon/shim/supervisor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <optional>

#include "daemon/shim/attach_server.hpp"
#include "daemon/shim/cgroup.hpp"
#include "daemon/shim/relay.hpp"
#include "daemon/shim/state.hpp"

namespace ebpfnet::shim {
namespace {

constexpr auto kClientLimit = std::chrono::seconds(10);
constexpr int kNoClient = 125;

int exit_code_of(const Error& error) {
  switch (error.code) {
  case ErrorCode::no_command:
    return 127;
  case ErrorCode::not_executable:
    return 126;
  default:
    return kNoClient;
  }
}

class Supervisor {
public:
  Supervisor(const ShimSpec& spec, UniqueFd launcher)
      : spec_(spec), launcher_(std::move(launcher)) {}

  Result<void> start();
  void loop();
  void finish();
  void give_up(const Error& error);

private:
  bool runs() const { return spec_.mode == Mode::run; }
  Result<void> watch_signals();
  Result<void> wait_for_client();
  Result<Stdio> choose_stdio();
  Result<Stdio> terminal_stdio(UniqueFd log);
  Result<UniqueFd> open_log();
  Result<void> record_start();
  void tell(const Message& message);
  void handle_signals();
  void handle_client();

  const ShimSpec& spec_;
  UniqueFd launcher_;
  UniqueFd signals_;
  ShimRecord record_;
  std::optional<AttachListener> listener_;
  AttachedClient client_;
  std::optional<TerminalRelay> relay_;
  UniqueFd input_writer_; // keeps the standard input of a detached, interactive command open
  std::optional<int> exit_code_;
};

Result<void> Supervisor::start() {
  TRY_VOID(watch_signals());
  record_.shim_pid = ::getpid();
  record_.shim_start = start_time(record_.shim_pid);
  TRY_VOID(send_message(launcher_.get(), {MessageType::started, -1, record_.shim_pid, {}}));
  if (runs()) {
    TRY_VOID(write_shim_record(spec_.launch.run_dir, record_));
  }
  if (!spec_.socket_name.empty()) {
    TRY_VOID(wait_for_client());
  }
  {
    const Stdio stdio = TRY(choose_stdio());
    const UniqueFd procs = TRY(open_cgroup_procs(spec_.launch.cgroup_dir));
    record_.pid = TRY(start_command(spec_, procs, stdio));
  }
  record_.pid_start = start_time(record_.pid);
  record_.started_at = utc_now();
  if (auto recorded = record_start(); !recorded) {
    ::kill(record_.pid, SIGKILL);
    return recorded;
  }
  tell({MessageType::started, record_.pid, record_.shim_pid, {}});
  launcher_.reset();
  return {};
}

Result<void> Supervisor::watch_signals() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t all;
  sigfillset(&all);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    sigdelset(&all, number);
  }
  signals_.reset(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_ || ::sigprocmask(SIG_SETMASK, &all, nullptr) != 0) {
    return fail_errno(errno, "watch signals");
  }
  return {};
}

Result<void> Supervisor::wait_for_client() {
  listener_.emplace(TRY(AttachListener::listen(spec_.launch.run_dir, spec_.socket_name)));
  TRY_VOID(send_message(launcher_.get(), {MessageType::started, 0, record_.shim_pid, {}}));
  launcher_.reset();
  client_ = TRY(listener_->accept(kClientLimit));
  listener_.reset();
  return {};
}

Result<UniqueFd> Supervisor::open_log() {
  if (!runs()) {
    return UniqueFd();
  }
  const auto path = spec_.launch.state_dir / "log";
  UniqueFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log) {
    return fail_errno(errno, "open the log '{}'", path.string());
  }
  return log;
}

Result<Stdio> Supervisor::choose_stdio() {
  const api::ProcessConfig& process = spec_.launch.process;
  UniqueFd log = TRY(open_log());
  if (process.tty) {
    return terminal_stdio(std::move(log));
  }
  Stdio stdio;
  stdio.in.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (client_.socket) {
    stdio.out = std::move(client_.stdio.out);
    stdio.err = std::move(client_.stdio.err);
    if (process.interactive) {
      stdio.in = std::move(client_.stdio.in);
    }
    client_.stdio = {};
    return stdio;
  }
  const int output = log ? log.get() : stdio.in.get();
  stdio.out.reset(::fcntl(output, F_DUPFD_CLOEXEC, 3));
  stdio.err.reset(::fcntl(output, F_DUPFD_CLOEXEC, 3));
  if (process.interactive) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return fail_errno(errno, "make a pipe");
    }
    stdio.in.reset(ends[0]);
    input_writer_.reset(ends[1]);
  }
  return stdio;
}

Result<Stdio> Supervisor::terminal_stdio(UniqueFd log) {
  Terminal terminal = TRY(open_terminal(client_.size));
  UniqueFd in = spec_.launch.process.interactive ? std::move(client_.stdio.in) : UniqueFd();
  relay_.emplace(std::move(terminal.master), std::move(log), std::move(in),
                 std::move(client_.stdio.out));
  client_.stdio = {};
  return std::move(terminal.stdio);
}

Result<void> Supervisor::record_start() {
  if (!runs()) {
    return {};
  }
  TRY_VOID(write_exit_record(
      spec_.launch.state_dir,
      {record_.shim_pid, record_.shim_start, std::nullopt, record_.started_at, {}, {}}));
  return write_shim_record(spec_.launch.run_dir, record_);
}

// To whoever waits: the launcher until it has its answer, the client as long as it is there. Both
// may be gone.
void Supervisor::tell(const Message& message) {
  for (const int socket : {launcher_.get(), client_.socket.get()}) {
    if (socket >= 0) {
      std::ignore = send_message(socket, message);
    }
  }
}

void Supervisor::loop() {
  while (!exit_code_) {
    std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}, {client_.socket.get(), POLLIN, 0}};
    if (relay_) {
      relay_->add_polls(polled);
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      continue; // EINTR
    }
    if (relay_) {
      relay_->handle(polled, 2);
    }
    if (polled[1].revents != 0) {
      handle_client();
    }
    if (polled[0].revents != 0) {
      handle_signals();
    }
  }
}

void Supervisor::handle_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number != SIGCHLD && number != SIGPIPE) {
      ::kill(record_.pid, number);
    }
  }
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == record_.pid) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      return; // the pid is free from here on
    }
  }
}

void Supervisor::handle_client() {
  std::vector<UniqueFd> unexpected;
  const auto message = receive_message(client_.socket.get(), unexpected);
  if (!message) {
    client_.socket.reset();
    if (relay_) {
      relay_->drop_client();
    }
  } else if (message->type == MessageType::signal) {
    ::kill(record_.pid, message->a);
  } else if (message->type == MessageType::window_size && relay_) {
    relay_->resize(
        {static_cast<std::uint16_t>(message->a), static_cast<std::uint16_t>(message->b)});
  }
}

// Nothing here may stop the rest: the exit code is what everybody waits for.
void Supervisor::finish() {
  ExitRecord record{record_.shim_pid, record_.shim_start, exit_code_, record_.started_at, {}, {}};
  if (runs()) {
    if (auto killed = kill_cgroup(spec_.launch.cgroup_dir); !killed) {
      record.error = killed.error().story();
    }
  } else if (spec_.target_fd < 0) {
    std::ignore =
        remove_cgroup(spec_.launch.cgroup_dir); // busy: another exec of this sandbox goes on
  }
  if (relay_) {
    relay_->drain();
  }
  if (runs()) {
    record.finished_at = utc_now();
    if (write_exit_record(spec_.launch.state_dir, record)) {
      ::unlink((spec_.launch.run_dir / "shim.json").c_str());
    }
  }
  tell({MessageType::exited, *exit_code_, 0, {}});
}

// The command never ran. A launcher that still waits removes everything and has the story; a client
// gets it too.
void Supervisor::give_up(const Error& error) {
  listener_.reset();
  if (runs()) {
    std::ignore = kill_cgroup(spec_.launch.cgroup_dir);
    if (!launcher_) {
      std::ignore = write_exit_record(spec_.launch.state_dir, {record_.shim_pid,
                                                               record_.shim_start,
                                                               exit_code_of(error),
                                                               {},
                                                               utc_now(),
                                                               error.story()});
    }
    ::unlink((spec_.launch.run_dir / "shim.json").c_str());
  } else if (spec_.target_fd < 0) {
    std::ignore = remove_cgroup(spec_.launch.cgroup_dir);
  }
  tell(failed_message(error));
}

} // namespace

void supervise(const ShimSpec& spec, UniqueFd launcher) {
  Supervisor supervisor(spec, std::move(launcher));
  if (auto started = supervisor.start(); !started) {
    supervisor.give_up(started.error());
    return;
  }
  supervisor.loop();
  supervisor.finish();
}

} // namespace ebpfnet::shim
