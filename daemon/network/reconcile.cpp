// The start of the daemon: what was asked for against what the kernel has. See service.hpp.
#include <spdlog/spdlog.h>

#include <set>

#include "daemon/network/bridge/host_routes.hpp"
#include "daemon/network/service.hpp"
#include "daemon/network/sweep.hpp"

namespace ebpfnet::network {
namespace {

namespace fs = std::filesystem;

// A part that cannot be repaired is reported and does not keep the rest from working.
void report(std::string_view what, const std::string& name, const Result<void>& result) {
  if (!result) {
    spdlog::error("event=repair_failed what={} name={:?} error={:?}", what, name,
                  result.error().story());
  }
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    out.push_back(entry.path().filename());
  }
  return out;
}

} // namespace

Result<void> Service::load_records() {
  auto& registry = context_.registry;
  std::map<std::string, std::shared_ptr<Endpoint>> endpoints;
  for (const auto& row : TRY(context_.store.load("network"))) {
    auto network = TRY(network_from_document(row.id, row.doc));
    registry.network_indexes.claim(network->index.value);
    registry.networks[network->id] = network;
  }
  for (const auto& row : TRY(context_.store.load("endpoint"))) {
    endpoints[row.id] = TRY(endpoint_from_document(row.id, row.doc));
  }
  for (const auto& row : TRY(context_.store.load("sandbox"))) {
    auto sandbox = TRY(sandbox_from_document(row.id, row.doc));
    for (const Json& id : row.doc.at("endpoints")) {
      const auto endpoint = endpoints.find(id.get<std::string>());
      const auto network =
          endpoint == endpoints.end() ? nullptr : registry.network(endpoint->second->network_id);
      if (!network) {
        continue;
      }
      registry.slots.claim(endpoint->second->slot.value);
      for (const auto& plan : network->plan.subnets) {
        const IpAddress& address = endpoint->second->address(plan.family());
        TRY_VOID(network->allocator->request_exact(address));
      }
      sandbox->endpoints.push_back(endpoint->second);
      network->endpoints += 1;
    }
    registry.sandbox_indexes.claim(sandbox->index.value);
    registry.add(sandbox);
  }
  return {};
}

Result<void> Service::reconcile() {
  TRY_VOID(load_records());
  // First: what nobody knows any more may have the names and numbers of what comes next.
  TRY_VOID(sweep_devices(context_, known_ids()));
  for (const auto& [name, driver] :
       {std::pair{"bridge", "bridge"}, {"host", "host"}, {"none", "null"}}) {
    const auto exists = [&, n = name] {
      const auto lock = context_.registry.lock();
      return context_.registry.find_network(n).has_value();
    }();
    if (!exists) {
      api::NetworkCreate request;
      request.name = name;
      request.driver = driver;
      TRY_VOID(create_network(request, true));
    }
  }
  for (const auto& [id, network] : context_.registry.networks) {
    const Driver* driver = TRY(find_driver(network->driver));
    report("network", network->name, driver->setup(context_, *network));
  }
  TRY_VOID(publisher_.adopt_records());
  for (const auto& [id, sandbox] : context_.registry.sandboxes) {
    report("sandbox", sandbox->name, rebuild_sandbox(sandbox));
  }
  report("published ports", "", publisher_.sweep());
  TRY_VOID(sweep());
  TRY_VOID(uplinks_.sync());
  TRY_VOID(context_.plane.finish_takeover());
  // Processes last: what starts again finds its network complete.
  for (const auto& [id, sandbox] : context_.registry.sandboxes) {
    adopt_process(sandbox);
  }
  return {};
}

Result<void> Service::rebuild_sandbox(const SandboxPtr& sandbox) {
  const std::unique_lock operation(sandbox->operation);
  TRY_VOID(publisher_.reserve(*sandbox, sandbox->ports, false));
  return sandbox_network_.build(*sandbox);
}

// A process that runs is watched again; one that ended while nobody looked is dealt with now.
void Service::adopt_process(const SandboxPtr& sandbox) {
  const std::unique_lock operation(sandbox->operation);
  if (!sandbox->config.process) {
    sandbox_network_.announce(*sandbox);
    return;
  }
  const auto state =
      shim::read_state(context_.run_path(sandbox->id), context_.state_path(sandbox->id));
  if (state && state->running && state->shim_pid != 0) {
    {
      const auto lock = context_.registry.lock();
      sandbox->state = SandboxState::running;
      sandbox->stopped_by_user = false; // a stop that did not come to its end
      sandbox->pid = state->pid;
      sandbox->shim_pid = state->shim_pid;
    }
    sandbox_network_.announce(*sandbox);
    watch(*sandbox);
    spdlog::info("event=process_adopted sandbox={:?} pid={}", sandbox->name, state->pid);
    return;
  }
  if (sandbox->state == SandboxState::created) {
    return;
  }
  if (sandbox->state == SandboxState::running) {
    // A supervisor that waits for its client waits in vain: the daemon died before it told of it.
    const bool never_told = state && state->shim_pid != 0 && state->pid == 0;
    finish(*sandbox);
    if (never_told && sandbox->config.attach) {
      const auto lock = context_.registry.lock();
      sandbox->removing = true;
    }
    record_or_log(*sandbox);
  }
  follow_end(sandbox);
}

std::set<std::string> Service::known_ids() const {
  std::set<std::string> known;
  const auto lock = context_.registry.lock();
  for (const auto& [id, network] : context_.registry.networks) {
    known.insert(id);
  }
  for (const auto& [id, sandbox] : context_.registry.sandboxes) {
    known.insert(id);
    for (const auto& endpoint : sandbox->endpoints) {
      known.insert(endpoint->id);
    }
  }
  return known;
}

// Removes what a daemon that died in the middle of a request left behind.
Result<void> Service::sweep() {
  const std::set<std::string> known = known_ids();
  TRY_VOID(sweep_tables(context_));
  TRY_VOID(bridge::sweep_host_routes(context_));
  TRY_VOID(context_.plane.end_former_links());
  std::set<std::string> leftovers;
  for (const auto& directory :
       {context_.options.run_dir / "netns", context_.options.run_dir / "sandboxes",
        context_.options.state_dir / "sandboxes", context_.cgroup_path("").parent_path()}) {
    for (const auto& name : names_in(directory)) {
      if (name.size() == 64 && !known.contains(name)) {
        leftovers.insert(name);
      }
    }
  }
  for (const auto& id : leftovers) {
    spdlog::info("event=orphan_removed kind=sandbox id={}", id);
    Sandbox orphan;
    orphan.id = id;
    orphan.config.netns_path = context_.netns_path(id); // it may be an adopted one
    report("orphan", id,
           shim::end_all(context_.run_path(id), context_.state_path(id), context_.cgroup_path(id)));
    report("orphan", id, sandbox_network_.destroy(orphan));
  }
  return {};
}

} // namespace ebpfnet::network
