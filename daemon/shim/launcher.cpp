#include "daemon/shim/launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>

extern "C" { // glibc 2.36's header does not say so itself
#include <sys/pidfd.h>
}

#include "daemon/shim/attach.hpp"
#include "daemon/shim/file_io.hpp"
#include "maps/types/id.hpp"

namespace ebpfnet::shim {
namespace {

constexpr int kStartLimitMs = 30'000;
// Descriptors are first moved above those numbers that they get in the supervisor, so that no move
// covers another.
constexpr int kAboveFinalFds = 16;

struct Inherited {
  UniqueFd orders, launcher, netns, target;
};

Result<UniqueFd> moved_up(UniqueFd fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kAboveFinalFds));
  if (!moved) {
    return fail_errno(errno, "duplicate a descriptor");
  }
  return moved;
}

Result<UniqueFd> open_netns(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "open network namespace '{}'", path.string());
  }
  return moved_up(std::move(fd));
}

Result<UniqueFd> open_target(pid_t pid) {
  auto fd = open_pidfd(pid);
  if (!fd || start_time(pid) == 0) {
    return fail(ErrorCode::conflict, "sandbox is not running");
  }
  return moved_up(std::move(*fd));
}

Result<UniqueFd> write_orders(const ShimSpec& spec) {
  const std::string json = TRY(to_json(spec));
  UniqueFd fd(::memfd_create("ebpfnet-shim", MFD_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "memfd_create");
  }
  TRY_VOID(write_all(fd.get(), json));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) {
    return fail_errno(errno, "rewind the supervisor's orders");
  }
  return moved_up(std::move(fd));
}

struct SpawnSetup {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

// posix_spawn: vfork semantics, nothing of ours runs between fork and exec. The process forks once
// more and exits, so that the supervisor is nobody's child here.
Result<void> spawn(const LaunchSpec& spec, const Inherited& inherited) {
  SpawnSetup setup;
  posix_spawn_file_actions_addopen(&setup.actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&setup.actions, 0, 1);
  posix_spawn_file_actions_adddup2(&setup.actions, 0, 2);
  int next = kSpecFd;
  for (const UniqueFd* fd :
       {&inherited.orders, &inherited.launcher, &inherited.netns, &inherited.target}) {
    if (*fd) {
      posix_spawn_file_actions_adddup2(&setup.actions, fd->get(), next++);
    }
  }
  posix_spawn_file_actions_addclosefrom_np(&setup.actions, next);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&setup.attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&setup.attributes, &signals);
  posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::string name = "ebpfnet-shim";
  std::string id = spec.id;
  std::array<char*, 3> argv{name.data(), id.data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t pid = 0;
  if (const int error = ::posix_spawn(&pid, spec.shim_binary.c_str(), &setup.actions,
                                      &setup.attributes, argv.data(), environment.data());
      error != 0) {
    Failure failure = fail_errno(error, "start the supervisor '{}'", spec.shim_binary.string());
    failure.error().hint = "is ebpfnet installed completely?";
    return failure;
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {};
}

Result<Message> receive_within(int socket, int limit_ms) {
  pollfd polled{socket, POLLIN, 0};
  int count = 0;
  while ((count = ::poll(&polled, 1, limit_ms)) < 0 && errno == EINTR) {
  }
  if (count <= 0) {
    return fail(ErrorCode::internal, "the supervisor did not answer within {} s", limit_ms / 1000);
  }
  std::vector<UniqueFd> none;
  return receive_message(socket, none);
}

void kill_supervisor(pid_t pid) {
  if (pid > 0) {
    ::kill(pid, SIGKILL);
  }
}

// Two messages: that the supervisor is up, then how the start went.
Result<Launched> await_start(int socket) {
  Launched launched;
  while (true) {
    auto message = receive_within(socket, kStartLimitMs);
    if (!message) {
      kill_supervisor(launched.shim_pid);
      Error error = std::move(message).error();
      error.code = ErrorCode::internal;
      return Failure(std::move(error).wrap("start the supervisor"));
    }
    if (message->type == MessageType::failed) {
      // It answers last thing before it goes: its end of the socket closes with it.
      std::ignore = receive_within(socket, 1000);
      return Failure(error_of(*message));
    }
    launched.shim_pid = message->b;
    if (message->a >= 0) {
      launched.pid = message->a;
      return launched;
    }
  }
}

Result<Launched> start_supervisor(ShimSpec spec, UniqueFd netns, UniqueFd target) {
  Inherited inherited;
  inherited.netns = std::move(netns);
  inherited.target = std::move(target);
  int next = kLauncherFd + 1;
  spec.netns_fd = inherited.netns ? next++ : -1;
  spec.target_fd = inherited.target ? next++ : -1;
  inherited.orders = TRY(write_orders(spec));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(errno, "make a socket pair");
  }
  const UniqueFd own(ends[0]);
  inherited.launcher = TRY(moved_up(UniqueFd(ends[1])));
  TRY_VOID(spawn(spec.launch, inherited));
  inherited.launcher.reset();
  Launched launched = TRY(await_start(own.get()));
  if (!spec.socket_name.empty()) {
    launched.attach_socket = spec.launch.run_dir / spec.socket_name;
  }
  return launched;
}

Result<UniqueFd> netns_of(const LaunchSpec& spec) {
  if (spec.netns_path.empty()) {
    return UniqueFd();
  }
  return open_netns(spec.netns_path);
}

} // namespace

Result<Launched> launch(const LaunchSpec& spec) {
  TRY_VOID(check(spec));
  const ProcessState state = TRY(read_state(spec.run_dir, spec.state_dir));
  if (state.running || state.shim_pid != 0) {
    return fail(ErrorCode::conflict, "sandbox is already running");
  }
  UniqueFd netns = TRY(netns_of(spec));
  ShimSpec orders{spec, Mode::run, spec.attach ? "attach.sock" : "", -1, -1};
  TRY_VOID(create_cgroup(spec.cgroup_dir));
  auto launched = start_supervisor(std::move(orders), std::move(netns), UniqueFd());
  if (!launched) {
    if (auto killed = kill_cgroup(spec.cgroup_dir); !killed) {
      launched.error().message += "; " + killed.error().message;
    }
    ::unlink((spec.run_dir / "shim.json").c_str());
    ::unlink((spec.run_dir / "attach.sock").c_str());
  }
  return launched;
}

Result<void> end_all(const std::filesystem::path& run_dir, const std::filesystem::path& state_dir,
                     const std::filesystem::path& cgroup_dir) {
  constexpr int kSupervisorMs = 10'000; // it only has to write the exit status
  const auto state = read_state(run_dir, state_dir);
  const int shim_pid = state ? state->shim_pid : 0;
  const auto supervisor = shim_pid > 0 ? open_pidfd(shim_pid) : Result<UniqueFd>(UniqueFd());
  if (supervisor && *supervisor && state->pid == 0) {
    ::pidfd_send_signal(supervisor->get(), SIGKILL, nullptr, 0); // it has nothing to write
  }
  auto killed = kill_cgroup(cgroup_dir);
  if (supervisor && *supervisor) {
    pollfd polled{supervisor->get(), POLLIN, 0};
    ::poll(&polled, 1, kSupervisorMs);
  }
  return killed;
}

Result<Launched> launch_exec(const LaunchSpec& spec, pid_t target_pid) {
  TRY_VOID(check(spec));
  ShimSpec orders{spec, Mode::exec, "", -1, -1};
  if (spec.attach) {
    orders.socket_name = fmt::format("exec-{}.sock", TRY(random_id()).substr(0, 16));
  }
  UniqueFd target;
  if (target_pid != 0) {
    target = TRY(open_target(target_pid));
  }
  UniqueFd netns = TRY(netns_of(spec));
  if (target_pid == 0) {
    TRY_VOID(create_cgroup(spec.cgroup_dir));
  }
  const std::string socket_name = orders.socket_name;
  auto launched = start_supervisor(std::move(orders), std::move(netns), std::move(target));
  if (!launched) {
    if (target_pid == 0) {
      std::ignore = remove_cgroup(spec.cgroup_dir); // busy: another exec of this sandbox goes on
    }
    if (!socket_name.empty()) {
      ::unlink((spec.run_dir / socket_name).c_str());
    }
  }
  return launched;
}

} // namespace ebpfnet::shim
