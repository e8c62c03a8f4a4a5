// The start of the daemon: what was asked for against what the kernel has. See service.hpp.
#include <spdlog/spdlog.h>

#include <set>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/network/bridge/records.hpp"
#include "daemon/network/service.hpp"
#include "daemon/shim/cgroup.hpp"
#include "maps/view/convert.hpp"

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

// Devices with our instance's alias whose object is not known any more, and those that an end in
// the middle left without an alias.
Result<void> sweep_devices(Context& context, const std::set<std::string>& known) {
  auto socket = TRY(netlink::Socket::open());
  const std::string prefix = fmt::format("ebpfnet:{}:", context.instance);
  std::vector<IfIndex> orphans;
  for (const auto& link : TRY(netlink::list_links(socket))) {
    const bool half_made = link.alias.empty() && bridge::is_own_ifindex(link.index);
    const bool forgotten = link.alias.starts_with(prefix) &&
                           !known.contains(link.alias.substr(link.alias.rfind(':') + 1));
    if (half_made || forgotten) {
      spdlog::info("event=orphan_removed kind=device name={:?}", link.name);
      orphans.push_back(link.index);
    }
  }
  return netlink::delete_links(socket, orphans);
}

Result<void> sweep_destinations(Context& context) {
  auto& destinations = context.plane.maps().destinations;
  std::vector<ebn_dest_key> unknown;
  TRY_VOID(destinations.walk([&](const ebn_dest_key& key, const ebn_dest& dest) {
    const auto lock = context.registry.lock();
    const auto& registry = context.registry;
    const bool network_known = key.network == 0 || registry.network_indexes.in_use(key.network);
    const bool slot_known = dest.kind != EBN_DEST_ENDPOINT || registry.slots.in_use(dest.slot);
    if (!network_known || !slot_known) {
      unknown.push_back(key);
    }
  }));
  for (const ebn_dest_key& key : unknown) {
    TRY_VOID(destinations.remove(key));
  }
  return {};
}

// Their devices are gone by now.
Result<void> sweep_endpoints(Context& context) {
  auto& endpoints = context.plane.maps().endpoints;
  std::vector<std::uint32_t> unknown;
  TRY_VOID(endpoints.walk([&](std::uint32_t slot, const ebn_endpoint& record) {
    const auto lock = context.registry.lock();
    if (record.network != 0 && !context.registry.slots.in_use(slot)) {
      unknown.push_back(slot);
    }
  }));
  for (const std::uint32_t slot : unknown) {
    TRY_VOID(endpoints.put(slot, ebn_endpoint{}));
  }
  return {};
}

// Subnets and records of networks that are gone.
Result<void> sweep_network_maps(Context& context) {
  auto& maps = context.plane.maps();
  for (const auto& key : TRY(maps.subnets.keys())) {
    const auto owner = TRY(maps.subnets.get(key));
    const auto lock = context.registry.lock();
    if (owner && !(*owner < EBN_MAX_NETWORKS && context.registry.network_indexes.in_use(*owner))) {
      TRY_VOID(maps.subnets.remove(key));
    }
  }
  return {};
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
      TRY_VOID(network->allocator->request_exact(endpoint->second->ipv4));
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
  TRY_VOID(publisher_.sweep());
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
    finish(sandbox);
  }
  follow_end(sandbox);
}

// Removes what a daemon that died in the middle of a request left behind.
Result<void> Service::sweep() {
  std::set<std::string> known;
  {
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
  }
  TRY_VOID(sweep_devices(context_, known));
  TRY_VOID(sweep_destinations(context_));
  TRY_VOID(sweep_endpoints(context_));
  TRY_VOID(remove_flows(context_.plane.maps(), [this](SandboxIndex sandbox) {
    const auto lock = context_.registry.lock();
    return !context_.registry.sandbox_indexes.in_use(sandbox.value);
  }));
  TRY_VOID(context_.plane.end_former_links());
  TRY_VOID(sweep_network_maps(context_));
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
    report("orphan", id, shim::kill_cgroup(context_.cgroup_path(id)));
    report("orphan", id, sandbox_network_.destroy(orphan));
  }
  return {};
}

} // namespace ebpfnet::network
