// Sandboxes: create, remove, list, logs, ports. See service.hpp.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "daemon/network/service.hpp"
#include "daemon/network/views.hpp"
#include "daemon/shim/cgroup.hpp"

namespace ebpfnet::network {

Service::Service(Context& context, Scheduler scheduler)
    : context_(context), scheduler_(std::move(scheduler)), publisher_(context),
      sandbox_network_(context, publisher_), uplinks_(context),
      flow_sweeper_(context.plane.maps(), scheduler_.run,
                    [&registry = context.registry](SandboxIndex sandbox) {
                      const auto lock = registry.lock();
                      registry.sandbox_indexes.give(sandbox.value);
                    }),
      started_at_(now_rfc3339()) {}

// The sandbox cannot go away while it is held: removing it takes the same mutex.
Result<Service::Held> Service::hold(const std::string& ref) {
  Held held;
  {
    const auto lock = context_.registry.lock();
    held.sandbox = TRY(context_.registry.find_sandbox(ref));
  }
  held.operation = std::unique_lock(held.sandbox->operation);
  const auto lock = context_.registry.lock();
  if (held->gone || !held->ready) {
    return fail(ErrorCode::not_found, "sandbox {} not found", ref);
  }
  return held;
}

Result<void> Service::record(const Sandbox& sandbox) {
  Json document;
  {
    const auto lock = context_.registry.lock();
    document = to_document(sandbox);
  }
  const state::Change change{state::Change::Op::put, "sandbox", sandbox.id, sandbox.name,
                             std::move(document)};
  return context_.store.apply({&change, 1});
}

// The networks too: they remember which address was given last.
Result<void> Service::record_with_endpoints(const Sandbox& sandbox) {
  std::vector<state::Change> changes;
  {
    const auto lock = context_.registry.lock();
    for (const auto& endpoint : sandbox.endpoints) {
      changes.push_back(
          {state::Change::Op::put, "endpoint", endpoint->id, "", to_document(*endpoint)});
      if (const auto network = context_.registry.network(endpoint->network_id)) {
        changes.push_back(
            {state::Change::Op::put, "network", network->id, network->name, to_document(*network)});
      }
    }
    changes.push_back(
        {state::Change::Op::put, "sandbox", sandbox.id, sandbox.name, to_document(sandbox)});
  }
  return context_.store.apply(changes);
}

Result<void> Service::erase_records(const Sandbox& sandbox) {
  std::vector<state::Change> changes{{state::Change::Op::remove, "sandbox", sandbox.id, "", {}}};
  for (const auto& endpoint : sandbox.endpoints) {
    changes.push_back({state::Change::Op::remove, "endpoint", endpoint->id, "", {}});
  }
  return context_.store.apply(changes);
}

Result<Json> Service::sandbox_create(const api::SandboxCreate& request) {
  if (request.start && !request.process) {
    return fail(ErrorCode::invalid, "a sandbox without a command cannot be started");
  }
  TRY_VOID(context_.store.check_writable());
  const SandboxPtr sandbox = TRY(plan_sandbox(request));
  const std::unique_lock operation(sandbox->operation);
  Undo undo;
  undo.push([&] { forget(sandbox, sandbox_network_.destroy(*sandbox).has_value()); });
  auto ports = TRY(publisher_.reserve(*sandbox, sandbox->config.ports, true));
  {
    const auto lock = context_.registry.lock();
    sandbox->ports = std::move(ports);
  }
  TRY_VOID(sandbox_network_.build(*sandbox));
  std::string attach_socket;
  if (request.start) {
    attach_socket = TRY(launch_process(*sandbox, request.attach));
    undo.push([&] { abandon_process(*sandbox); });
  } else if (!request.process) {
    sandbox_network_.announce(*sandbox);
  }
  // One record, and last: what a daemon that dies before it has made is swept, process and all.
  undo.push([&] { [[maybe_unused]] const auto ignored = erase_records(*sandbox); });
  TRY_VOID(record_with_endpoints(*sandbox));
  undo.keep();
  if (request.start) {
    watch(*sandbox);
  }
  const auto lock = context_.registry.lock();
  sandbox->ready = true;
  spdlog::info("event=sandbox_created sandbox={:?} id={}", sandbox->name, sandbox->id);
  Json reply{{"Id", sandbox->id}, {"Name", sandbox->name}};
  if (!attach_socket.empty()) {
    reply["AttachSocket"] = attach_socket;
  }
  return reply;
}

Result<void> Service::remove_sandbox(Held& held, bool force) {
  Sandbox& sandbox = *held;
  Undo undo;
  {
    const auto lock = context_.registry.lock();
    if ((sandbox.state == SandboxState::running || sandbox.restarting) && !force) {
      return Failure(Error{ErrorCode::conflict, 0,
                           fmt::format("sandbox {} is running", sandbox.name),
                           "stop it first, or remove it with -f"});
    }
    for (const auto& [id, other] : context_.registry.sandboxes) {
      if (other->shares_with == sandbox.id) {
        return Failure(Error{ErrorCode::conflict, 0,
                             fmt::format("sandbox {} lends its network namespace to sandbox {}",
                                         sandbox.name, other->name),
                             "remove that one first"});
      }
    }
    undo.push([&, stopped_by_user = sandbox.stopped_by_user] {
      const auto back = context_.registry.lock();
      sandbox.removing = false;
      sandbox.stopped_by_user = stopped_by_user;
      sandbox.changed.notify_all();
    });
    sandbox.removing = true;
    sandbox.stopped_by_user = true;
  }
  // The record goes first: what cannot be recorded is refused while the process still runs, and
  // what a daemon that dies after it leaves is swept.
  TRY_VOID(erase_records(sandbox));
  undo.keep();
  // Gone for the user from here on; what the kernel refuses now is swept at the next start.
  const auto stopped = stop_process(sandbox, 0);
  const auto destroyed = sandbox_network_.destroy(sandbox);
  for (const auto* result : {&stopped, &destroyed}) {
    if (!*result) {
      spdlog::warn("event=sandbox_remains sandbox={:?} error={:?}", sandbox.name,
                   result->error().story());
    }
  }
  forget(held.sandbox, destroyed.has_value());
  spdlog::info("event=sandbox_removed sandbox={:?} id={}", sandbox.name, sandbox.id);
  return {};
}

Result<Json> Service::sandbox_remove(const std::string& ref, bool force) {
  Held held = TRY(hold(ref));
  TRY_VOID(remove_sandbox(held, force));
  return Json{{"Id", held->id}, {"Name", held->name}};
}

Result<Json> Service::sandbox_list(bool all, const server::Filters& filters) {
  const auto lock = context_.registry.lock();
  TRY_VOID(matches(context_.registry, Sandbox(), filters)); // a wrong key, also without sandboxes
  Json out = Json::array();
  for (const auto& [id, sandbox] : context_.registry.sandboxes) {
    const bool shown = all || sandbox->state == SandboxState::running || filters.contains("status");
    if (sandbox->ready && shown && TRY(matches(context_.registry, *sandbox, filters))) {
      out.push_back(sandbox_summary(context_.registry, *sandbox));
    }
  }
  return out;
}

Result<Json> Service::sandbox_inspect(const std::string& ref) {
  const auto lock = context_.registry.lock();
  const auto sandbox = TRY(context_.registry.find_sandbox(ref));
  if (!sandbox->ready) {
    return fail(ErrorCode::not_found, "sandbox {} not found", ref);
  }
  if (sandbox->state == SandboxState::running && sandbox->pid == 0) {
    // Attached: the command started when its client came.
    if (const auto state =
            shim::read_state(context_.run_path(sandbox->id), context_.state_path(sandbox->id))) {
      sandbox->pid = state->pid;
    }
  }
  return sandbox_view(context_.registry, *sandbox, sandbox_network_.netns_file(*sandbox));
}

Result<void> Service::sandbox_logs(const std::string& ref, bool follow, const server::Sink& sink) {
  SandboxPtr sandbox;
  {
    const auto lock = context_.registry.lock();
    sandbox = TRY(context_.registry.find_sandbox(ref));
  }
  const auto path = context_.state_path(sandbox->id) / "log";
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16384> buffer{};
  for (;;) {
    bool running = false;
    {
      const auto lock = context_.registry.lock();
      running = sandbox->state == SandboxState::running && !sandbox->gone;
    }
    if (!fd) {
      fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    ssize_t got = 0;
    while (fd && (got = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
      if (!sink({buffer.data(), static_cast<std::size_t>(got)})) {
        return {};
      }
    }
    if (!follow || !running) { // what came before the end was read above
      return {};
    }
    if (!sink({})) {
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<Json> Service::sandbox_publish(const std::string& ref, const api::PortSpec& spec) {
  TRY_VOID(context_.store.check_writable());
  Held held = TRY(hold(ref));
  if (!owns_namespace(*held) || held->endpoints.empty()) {
    return fail(ErrorCode::conflict, "sandbox {} has no network of its own to publish ports from",
                held->name);
  }
  auto added = TRY(publisher_.reserve(*held, {spec}, true));
  {
    const auto lock = context_.registry.lock();
    held->ports.insert(held->ports.end(), added.begin(), added.end());
  }
  Undo undo;
  undo.push([&] {
    {
      const auto lock = context_.registry.lock();
      held->ports.pop_back();
    }
    [[maybe_unused]] const auto ignored = publisher_.release_one(held->id, added.front());
  });
  TRY_VOID(sandbox_network_.build(*held));
  TRY_VOID(record(*held));
  undo.keep();
  return Json::object();
}

Result<Json> Service::sandbox_unpublish(const std::string& ref, const api::PortSpec& spec) {
  Held held = TRY(hold(ref));
  const auto same = [&](const api::PortSpec& port) {
    const bool host = spec.host_first == 0 ||
                      (spec.host_first == port.host_first && spec.host_last == port.host_last);
    return host && port.first == spec.first && port.last == spec.last &&
           port.protocol == spec.protocol && (spec.host_ip.empty() || spec.host_ip == port.host_ip);
  };
  const auto found = std::ranges::find_if(held->ports, same);
  if (found == held->ports.end()) {
    return fail(ErrorCode::not_found, "sandbox {} does not publish {}", held->name,
                spec.to_string());
  }
  api::PortSpec port;
  Undo undo;
  {
    const auto lock = context_.registry.lock();
    port = *found;
    undo.push([&, position = found - held->ports.begin()] {
      const auto back = context_.registry.lock();
      held->ports.insert(held->ports.begin() + position, port);
    });
    held->ports.erase(found);
  }
  TRY_VOID(record(*held));
  undo.keep();
  // Closed for everybody; what the kernel refuses of the rest is swept at the next start.
  if (auto released = publisher_.release_one(held->id, port); !released) {
    spdlog::warn("event=port_remains sandbox={:?} port={} error={:?}", held->name, port.to_string(),
                 released.error().story());
  }
  return Json::object();
}

} // namespace ebpfnet::network
