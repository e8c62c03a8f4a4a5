// The life of a sandbox's process: start, stop, signals, the end and what follows it. See
// service.hpp.
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "daemon/network/service.hpp"
#include "daemon/network/signals.hpp"
#include "daemon/shim/cgroup.hpp"

namespace ebpfnet::network {
namespace {

using std::chrono::milliseconds;

// True: the process behind the pidfd ended in time.
bool wait_for_end(int pidfd, int timeout_ms) {
  pollfd waiting{pidfd, POLLIN, 0};
  return ::poll(&waiting, 1, timeout_ms) > 0;
}

constexpr int kFirstRestartDelayMs = 100; // doubled with each restart, as Docker does
constexpr int kLongestRestartDelayMs = 60000;

} // namespace

shim::LaunchSpec Service::launch_spec(const Sandbox& sandbox, const api::ProcessConfig& process,
                                      bool attach) const {
  shim::LaunchSpec spec;
  spec.id = sandbox.id;
  spec.shim_binary = context_.options.shim;
  spec.run_dir = context_.run_path(sandbox.id);
  spec.state_dir = context_.state_path(sandbox.id);
  spec.netns_path = sandbox_network_.netns_file(sandbox);
  spec.cgroup_dir = context_.cgroup_path(sandbox.id);
  spec.process = process;
  spec.attach = attach;
  if (sandbox.config.network_mode == "host") {
    spec.hostname = sandbox.config.hostname;
    return spec;
  }
  const std::string& owner = sandbox.shares_with.empty() ? sandbox.id : sandbox.shares_with;
  const SandboxFiles files = files_of(context_, owner);
  spec.hostname = sandbox.hostname;
  spec.resolv_conf = files.resolv_conf;
  spec.hosts = files.hosts;
  spec.hostname_file = files.hostname;
  spec.hide_resolvers = true;
  return spec;
}

// Started and recorded, or neither.
Result<std::string> Service::start_process(Sandbox& sandbox, bool attach) {
  TRY_VOID(context_.store.check_writable());
  Undo undo;
  {
    const auto lock = context_.registry.lock();
    undo.push([this, &sandbox, state = sandbox.state, started_at = sandbox.started_at,
               stopped_by_user = sandbox.stopped_by_user] {
      const auto back = context_.registry.lock();
      sandbox.state = state;
      sandbox.started_at = started_at;
      sandbox.stopped_by_user = stopped_by_user;
      sandbox.changed.notify_all();
    });
  }
  std::string socket = TRY(launch_process(sandbox, attach));
  undo.push([&] { abandon_process(sandbox); });
  TRY_VOID(record(sandbox));
  undo.keep();
  watch(sandbox);
  return socket;
}

Result<std::string> Service::launch_process(Sandbox& sandbox, bool attach) {
  if (!sandbox.config.process) {
    return fail(ErrorCode::conflict, "sandbox {} has no command to start", sandbox.name);
  }
  if (owns_namespace(sandbox) &&
      !std::filesystem::exists(files_of(context_, sandbox.id).resolv_conf)) {
    TRY_VOID(sandbox_network_.build(sandbox)); // its files were taken away
  }
  sandbox_network_.announce(sandbox);
  auto launched = shim::launch(launch_spec(sandbox, *sandbox.config.process, attach));
  if (!launched) {
    sandbox_network_.withdraw(sandbox);
    return Failure(
        std::move(launched).error().wrap(fmt::format("start sandbox '{}'", sandbox.name)));
  }
  {
    const auto lock = context_.registry.lock();
    sandbox.state = SandboxState::running;
    sandbox.restarting = false;
    sandbox.shim_pid = launched->shim_pid;
    sandbox.pid = launched->pid;
    sandbox.started_at = now_rfc3339();
    sandbox.stopped_by_user = false;
    sandbox.changed.notify_all();
  }
  spdlog::info("event=process_started sandbox={:?} pid={}", sandbox.name, launched->pid);
  return launched->attach_socket.string();
}

// Takes back a start that could not be recorded.
void Service::abandon_process(Sandbox& sandbox) {
  end_all(sandbox);
  sandbox_network_.withdraw(sandbox);
  const auto lock = context_.registry.lock();
  sandbox.pid = 0;
  sandbox.shim_pid = 0;
}

// Its processes, and a supervisor that waits for a client.
void Service::end_all(const Sandbox& sandbox) {
  if (auto ended = shim::end_all(context_.run_path(sandbox.id), context_.state_path(sandbox.id),
                                 context_.cgroup_path(sandbox.id));
      !ended) {
    spdlog::warn("event=cgroup_remains sandbox={:?} error={:?}", sandbox.name,
                 ended.error().story());
  }
}

// The supervisor's end is the process's end. One that is gone already is handled at once.
void Service::watch(const Sandbox& sandbox) {
  auto work = [this, id = sandbox.id, shim_pid = sandbox.shim_pid] { process_ended(id, shim_pid); };
  auto pidfd = shim::open_pidfd(sandbox.shim_pid);
  if (!pidfd) {
    scheduler_.run(std::move(work));
    return;
  }
  scheduler_.when_readable(std::move(*pidfd), std::move(work));
}

void Service::process_ended(const std::string& sandbox_id, int shim_pid) {
  SandboxPtr sandbox;
  {
    const auto lock = context_.registry.lock();
    sandbox = context_.registry.sandbox(sandbox_id);
  }
  if (!sandbox) {
    return;
  }
  const std::unique_lock operation(sandbox->operation);
  if (sandbox->gone || sandbox->shim_pid != shim_pid || sandbox->state != SandboxState::running) {
    return; // a stop or restart has dealt with it
  }
  finish(*sandbox);
  record_or_log(*sandbox);
  follow_end(sandbox);
}

// What happened whether it can be recorded or not.
void Service::record_or_log(const Sandbox& sandbox) {
  if (auto recorded = record(sandbox); !recorded) {
    spdlog::error("event=record_failed sandbox={:?} error={:?}", sandbox.name,
                  recorded.error().story());
  }
}

// What comes after the end of a process: the sandbox goes, or starts again. Both wait for whoever
// holds it now.
void Service::follow_end(const SandboxPtr& sandbox) {
  const bool goes = sandbox->removing || sandbox->config.auto_remove;
  if (!goes && wants_restart(*sandbox)) {
    set_restarting(*sandbox, true);
    schedule_restart(sandbox);
  }
  if (!goes) {
    return;
  }
  scheduler_.run([this, sandbox] {
    Held held{sandbox, std::unique_lock(sandbox->operation)};
    if (sandbox->gone || sandbox->state == SandboxState::running) {
      return;
    }
    if (auto removed = remove_sandbox(held, true); !removed) {
      spdlog::error("event=auto_remove_failed sandbox={:?} error={:?}", sandbox->name,
                    removed.error().story());
    }
  });
}

// Takes note that the process has ended; with the sandbox held.
void Service::finish(Sandbox& sandbox) {
  end_all(sandbox);
  const auto state =
      shim::read_state(context_.run_path(sandbox.id), context_.state_path(sandbox.id));
  const bool started = !state || !state->started_at.empty() || state->error.empty();
  {
    const auto lock = context_.registry.lock();
    sandbox.state = SandboxState::exited;
    sandbox.restarting = false;
    sandbox.pid = 0;
    sandbox.shim_pid = 0;
    sandbox.exit_code = state && state->exit_code ? *state->exit_code : 137;
    sandbox.finished_at = state && !state->finished_at.empty() ? state->finished_at : now_rfc3339();
    // An attached `run` whose command could not start leaves no sandbox.
    sandbox.removing =
        sandbox.removing || sandbox.config.auto_remove || (!started && sandbox.config.attach);
    sandbox.restarting = !sandbox.removing && wants_restart(sandbox);
  }
  sandbox_network_.withdraw(sandbox);
  spdlog::info("event=process_ended sandbox={:?} exit_code={}", sandbox.name, sandbox.exit_code);
  const auto lock = context_.registry.lock();
  sandbox.changed.notify_all();
}

bool Service::wants_restart(const Sandbox& sandbox) const {
  const auto& policy = sandbox.config.restart;
  if (sandbox.stopped_by_user || sandbox.removing) {
    return false;
  }
  if (policy.name == "on-failure") {
    return sandbox.exit_code != 0 &&
           (policy.max_retries == 0 || sandbox.restart_count < policy.max_retries);
  }
  return policy.name == "always";
}

void Service::set_restarting(Sandbox& sandbox, bool restarting) {
  const auto lock = context_.registry.lock();
  sandbox.restarting = restarting;
}

void Service::schedule_restart(const SandboxPtr& sandbox) {
  const int doublings = std::min(sandbox->restart_count, 10);
  const int delay = std::min(kFirstRestartDelayMs << doublings, kLongestRestartDelayMs);
  scheduler_.after(delay, [this, sandbox] {
    const std::unique_lock operation(sandbox->operation);
    if (sandbox->gone || sandbox->state != SandboxState::exited || !wants_restart(*sandbox)) {
      set_restarting(*sandbox, false);
      return;
    }
    sandbox->restart_count += 1;
    if (auto started = launch_process(*sandbox, false); !started) {
      spdlog::warn("event=restart_failed sandbox={:?} error={:?}", sandbox->name,
                   started.error().story());
      schedule_restart(sandbox);
      return;
    }
    record_or_log(*sandbox);
    watch(*sandbox);
  });
}

// SIGTERM, then SIGKILL for all of the sandbox's processes after the time-out (0: at once). Not
// running is fine.
Result<void> Service::stop_process(Sandbox& sandbox, int timeout_seconds) {
  if (sandbox.state != SandboxState::running) {
    return {};
  }
  const auto pidfd = shim::open_pidfd(sandbox.shim_pid);
  if (pidfd && timeout_seconds > 0) {
    const auto state =
        shim::read_state(context_.run_path(sandbox.id), context_.state_path(sandbox.id));
    if (state && shim::signal_process(*state, SIGTERM)) {
      wait_for_end(pidfd->get(), timeout_seconds * 1000);
    }
  }
  TRY_VOID(shim::kill_cgroup(context_.cgroup_path(sandbox.id)));
  if (pidfd) {
    constexpr int kSupervisorMs = 10000; // it only has to write the exit status
    wait_for_end(pidfd->get(), kSupervisorMs);
  }
  finish(sandbox);
  return {};
}

Result<Json> Service::sandbox_start(const std::string& ref, const api::SandboxStart& request) {
  Held held = TRY(hold(ref));
  Json reply{{"Id", held->id}, {"Name", held->name}};
  if (held->state == SandboxState::running) {
    return reply;
  }
  held->restart_count = 0;
  const std::string socket = TRY(start_process(*held, request.attach));
  if (!socket.empty()) {
    reply["AttachSocket"] = socket;
  }
  return reply;
}

Result<Json> Service::sandbox_stop(const std::string& ref, const api::SandboxStop& request) {
  Held held = TRY(hold(ref));
  // First that it shall stop: what cannot be recorded is refused while the process still runs.
  const bool stopped_by_user = std::exchange(held->stopped_by_user, true);
  if (auto recorded = record(*held); !recorded) {
    held->stopped_by_user = stopped_by_user;
    return Failure(std::move(recorded).error());
  }
  set_restarting(*held, false);
  TRY_VOID(stop_process(*held, request.timeout_seconds));
  Json reply{{"Id", held->id}, {"Name", held->name}};
  if (held->config.auto_remove) {
    TRY_VOID(remove_sandbox(held, true));
  } else {
    record_or_log(*held);
  }
  return reply;
}

Result<Json> Service::sandbox_restart(const std::string& ref, const api::SandboxStop& request) {
  Held held = TRY(hold(ref));
  TRY_VOID(record(*held)); // what cannot be recorded is refused while the process still runs
  TRY_VOID(stop_process(*held, request.timeout_seconds));
  TRY_VOID(start_process(*held, false));
  return Json{{"Id", held->id}, {"Name", held->name}};
}

// Does not wait for other operations: a stop that is waiting for its time-out may be cut short.
Result<Json> Service::sandbox_kill(const std::string& ref, const api::SandboxKill& request) {
  const int signal_number = TRY(parse_signal(request.signal));
  SandboxPtr sandbox;
  {
    const auto lock = context_.registry.lock();
    sandbox = TRY(context_.registry.find_sandbox(ref));
    if (sandbox->state != SandboxState::running) {
      return fail(ErrorCode::conflict, "sandbox {} is not running", sandbox->name);
    }
  }
  const auto state =
      TRY(shim::read_state(context_.run_path(sandbox->id), context_.state_path(sandbox->id)));
  TRY_VOID(shim::signal_process(state, signal_number));
  return Json{{"Id", sandbox->id}, {"Name", sandbox->name}};
}

Result<Json> Service::sandbox_wait(const std::string& ref, bool until_removed,
                                   const std::function<bool()>& alive) {
  auto lock = context_.registry.lock();
  const SandboxPtr sandbox = TRY(context_.registry.find_sandbox(ref));
  while (!sandbox->gone &&
         (sandbox->state == SandboxState::running || (until_removed && sandbox->removing))) {
    if (sandbox->changed.wait_for(lock, std::chrono::seconds(1)) == std::cv_status::timeout &&
        !alive()) {
      return fail(ErrorCode::unavailable, "the client has gone");
    }
  }
  return Json{{"StatusCode", sandbox->exit_code}};
}

Result<Json> Service::sandbox_exec(const std::string& ref, const api::SandboxExec& request) {
  Held held = TRY(hold(ref));
  const bool has_process = held->config.process.has_value();
  if (has_process && held->state != SandboxState::running) {
    return Failure(Error{ErrorCode::conflict, 0,
                         fmt::format("sandbox {} is not running", held->name),
                         "start it with 'ebpfnet start'"});
  }
  int target = 0;
  if (has_process) {
    target = TRY(shim::read_state(context_.run_path(held->id), context_.state_path(held->id)))
    .pid;
  }
  shim::LaunchSpec spec = launch_spec(*held, request.process, true);
  held.operation.unlock(); // what runs inside does not keep others from the sandbox
  auto launched = shim::launch_exec(spec, target);
  if (!launched) {
    return Failure(
        std::move(launched).error().wrap(fmt::format("exec in sandbox '{}'", held->name)));
  }
  return Json{{"Id", held->id}, {"AttachSocket", launched->attach_socket.string()}};
}

} // namespace ebpfnet::network
