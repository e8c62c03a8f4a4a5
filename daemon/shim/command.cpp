#include "daemon/shim/command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>

#include "daemon/shim/attach.hpp"
#include "daemon/shim/capabilities.hpp"
#include "daemon/shim/file_io.hpp"
#include "daemon/shim/mounts.hpp"
#include "daemon/shim/user.hpp"

namespace ebpfnet::shim {
namespace {

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void put_variable(std::vector<std::string>& environment, std::string entry) {
  const std::string prefix = entry.substr(0, entry.find('=') + 1);
  for (std::string& present : environment) {
    if (present.starts_with(prefix)) {
      present = std::move(entry);
      return;
    }
  }
  environment.push_back(std::move(entry));
}

// Signals that end the supervisor end the command too; also asked for again after the user changed,
// which clears it.
Result<void> die_with_parent(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    return fail_errno(errno, "tie the command to its supervisor");
  }
  if (::getppid() != parent) {
    return fail(ErrorCode::internal, "the supervisor went away");
  }
  return {};
}

Result<void> reset_signals() {
  // Past the C library, which keeps 32 and 33 to itself and leaves them ignored in what posix_spawn
  // starts. SIG_DFL, no flags and an empty mask are all zero in the kernel's struct; SIGKILL and
  // SIGSTOP fail, as they should.
  const std::array<std::uint64_t, 4> default_action{};
  for (int number = 1; number < NSIG; ++number) {
    ::syscall(SYS_rt_sigaction, number, default_action.data(), nullptr, sizeof(std::uint64_t));
  }
  sigset_t none;
  sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) {
    return fail_errno(errno, "unblock signals");
  }
  return {};
}

Result<void> join_sandbox_of(int target_fd, bool with_network) {
  const int kinds = CLONE_NEWNS | CLONE_NEWUTS | (with_network ? CLONE_NEWNET : 0);
  if (::setns(target_fd, kinds) != 0) {
    if (errno == ESRCH) {
      return fail(ErrorCode::conflict, "sandbox is not running");
    }
    return fail_errno(errno, "join the namespaces of the sandbox's process");
  }
  return {};
}

Result<void> enter_namespaces(const ShimSpec& spec) {
  if (spec.netns_fd >= 0 && ::setns(spec.netns_fd, CLONE_NEWNET) != 0) {
    return fail_errno(errno, "enter network namespace '{}'", spec.launch.netns_path.string());
  }
  if (spec.target_fd >= 0) {
    return join_sandbox_of(spec.target_fd, spec.netns_fd < 0);
  }
  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0) {
    return fail_errno(errno, "make mount and UTS namespaces");
  }
  const std::string& name = spec.launch.hostname;
  if (!name.empty() && ::sethostname(name.c_str(), name.size()) != 0) {
    return fail_errno(errno, "set the hostname '{}'", name);
  }
  return build_mounts(spec.launch);
}

Result<void> set_stdio(const Stdio& stdio, uid_t uid) {
  if (::dup2(stdio.in.get(), 0) < 0 || ::dup2(stdio.out.get(), 1) < 0 ||
      ::dup2(stdio.err.get(), 2) < 0) {
    return fail_errno(errno, "set standard input and output");
  }
  if (stdio.terminal &&
      (::ioctl(0, TIOCSCTTY, 0) != 0 || ::fchown(0, uid, static_cast<gid_t>(-1)) != 0)) {
    return fail_errno(errno, "take the terminal");
  }
  return {};
}

Result<void> enter_workdir(const std::string& workdir) {
  const std::string path = workdir.empty() ? "/" : workdir;
  if (::chdir(path.c_str()) != 0) {
    return fail_errno(errno, "change to the working directory '{}'", path);
  }
  return {};
}

Result<void> drop_privileges(const api::ProcessConfig& process, const Identity& identity) {
  const CapabilityMask mask = TRY(capability_set(process.cap_add, process.privileged));
  TRY_VOID(limit_bounding_set(mask));
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0 ||
      ::setresgid(identity.gid, identity.gid, identity.gid) != 0 ||
      ::setresuid(identity.uid, identity.uid, identity.uid) != 0) {
    return fail_errno(errno, "become user {}:{}", identity.uid, identity.gid);
  }
  TRY_VOID(limit_capabilities(mask));
  if (!process.privileged && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_errno(errno, "set no_new_privs");
  }
  return {};
}

Error exec_error(int error, const std::string& path) {
  if (error == ENOENT && ::access(path.c_str(), F_OK) == 0) {
    return {ErrorCode::not_executable, error, "its interpreter does not exist",
            "look at the first line of the script"};
  }
  if (error == ENOENT || error == ENOTDIR) {
    return {ErrorCode::no_command, error, "no such file or directory", {}};
  }
  std::string hint = error == ENOEXEC ? "a script needs a first line such as #!/bin/sh" : "";
  return {ErrorCode::not_executable, error, std::strerror(error), std::move(hint)};
}

// Does what execvpe does, in the final environment. Returns only when it failed.
Error exec_command(const std::vector<std::string>& command,
                   const std::vector<std::string>& environment) {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::string path;
  for (const std::string& argument : command) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  for (const std::string& entry : environment) {
    envp.push_back(const_cast<char*>(entry.c_str()));
    path = entry.starts_with("PATH=") ? entry.substr(5) : path;
  }
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const std::string& name = command.front();
  if (name.find('/') != std::string::npos) {
    ::execve(name.c_str(), argv.data(), envp.data());
    return exec_error(errno, name);
  }
  Error result{ErrorCode::no_command, ENOENT, "executable file not found in $PATH",
               "check the spelling or give its full path"};
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string candidate =
        fmt::format("{}/{}", end == begin ? "." : path.substr(begin, end - begin), name);
    ::execve(candidate.c_str(), argv.data(), envp.data());
    if (Error error = exec_error(errno, candidate); error.code == ErrorCode::not_executable) {
      result = std::move(error);
    }
    begin = end + 1;
  }
  return result;
}

Result<void> become_command(const ShimSpec& spec, const UniqueFd& cgroup_procs, const Stdio& stdio,
                            pid_t parent) {
  const api::ProcessConfig& process = spec.launch.process;
  TRY_VOID(die_with_parent(parent));
  if (::setsid() < 0) {
    return fail_errno(errno, "start a session");
  }
  if (auto joined = write_all(cgroup_procs.get(), "0"); !joined) {
    return Failure(std::move(joined).error().wrap("join the sandbox's cgroup"));
  }
  TRY_VOID(enter_namespaces(spec));
  const UserSpec user = TRY(UserSpec::from(process.user));
  const Identity identity = TRY(resolve_user(user));
  std::array<char, 65> hostname{};
  ::gethostname(hostname.data(), hostname.size() - 1);
  TRY_VOID(set_stdio(stdio, identity.uid));
  TRY_VOID(enter_workdir(process.workdir));
  ::umask(022);
  TRY_VOID(drop_privileges(process, identity));
  TRY_VOID(die_with_parent(parent));
  TRY_VOID(reset_signals());
  return Failure(exec_command(process.command,
                              build_environment(spec.launch, identity.home, hostname.data())));
}

} // namespace

Result<pid_t> start_command(const ShimSpec& spec, const UniqueFd& cgroup_procs,
                            const Stdio& stdio) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "make a pipe");
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail_errno(errno, "fork");
  }
  if (pid == 0) {
    const auto result = become_command(spec, cgroup_procs, stdio, parent);
    const auto told = write_all(writer.get(), encode_error(result.error()));
    ::_exit(told ? 1 : 2);
  }
  writer.reset();
  const std::string failure = TRY(read_all(reader.get()));
  if (failure.empty()) {
    return pid;
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Failure(
      decode_error(failure).wrap(fmt::format("run '{}'", spec.launch.process.command.front())));
}

std::vector<std::string> build_environment(const LaunchSpec& spec, const std::string& home,
                                           const std::string& hostname) {
  std::vector<std::string> environment{fmt::format("PATH={}", kDefaultPath),
                                       fmt::format("HOSTNAME={}", hostname),
                                       fmt::format("HOME={}", home)};
  if (spec.process.tty) {
    environment.emplace_back("TERM=xterm");
  }
  for (const auto* entries : {&spec.extra_env, &spec.process.env}) {
    for (const std::string& entry : *entries) {
      put_variable(environment, entry);
    }
  }
  return environment;
}

std::string encode_error(const Error& error) {
  return encode(failed_message(error));
}

Error decode_error(std::string_view text) {
  const auto message = decode(text);
  return message ? error_of(*message) : message.error();
}

} // namespace ebpfnet::shim
