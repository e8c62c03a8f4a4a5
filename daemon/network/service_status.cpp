// What the daemon tells about itself. See service.hpp.
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/network/service.hpp"
#include "daemon/network/verify.hpp"
#include "daemon/version.hpp"
#include "maps/view/counters.hpp"

namespace ebpfnet::network {
namespace {

void count_state(const Sandbox& sandbox, SandboxCensus& out) {
  if (sandbox.restarting) {
    ++out.restarting;
    return;
  }
  switch (sandbox.state) {
  case SandboxState::created:
    ++out.created;
    break;
  case SandboxState::running:
    ++out.running;
    break;
  case SandboxState::exited:
    ++out.exited;
    break;
  }
}

// [{"Network", "Reason", "Packets"}], drops that happened only.
void add_drops(Json& out, const std::string& network, const ebn_counters& row) {
  for (unsigned reason = 1; reason < EBN_DROP_LIMIT; ++reason) {
    if (row.drops[reason] != 0) {
      out.push_back({{"Network", network},
                     {"Reason", view::drop_label(reason)},
                     {"Meaning", view::drop_meaning(reason)},
                     {"Packets", row.drops[reason]}});
    }
  }
}

void add_traffic(Json& out, const std::string& network, const ebn_counters& row) {
  for (unsigned path = 0; path < EBN_PATH_LIMIT; ++path) {
    if (row.packets[path] != 0) {
      out.push_back({{"Network", network},
                     {"Path", view::path_label(path)},
                     {"Packets", row.packets[path]},
                     {"Bytes", row.bytes[path]}});
    }
  }
}

Json features_view(const loader::Features& features) {
  Json out = Json::array();
  for (const auto& row : features.rows) {
    Json feature{{"Name", row.name}, {"Present", row.present}, {"UsedFor", row.used_for}};
    if (!row.present) {
      feature["Instead"] = row.instead;
    }
    out.push_back(feature);
  }
  return out;
}

// The tables that can become full; the others are indexed by numbers that the daemon gives out.
Result<Json> maps_view(const view::Maps& maps) {
  Json out = Json::array();
  const auto add = [&](const Result<view::MapUsage>& usage) -> Result<void> {
    if (!usage) {
      return Failure(usage.error());
    }
    out.push_back(
        {{"Name", usage->name}, {"Entries", usage->entries}, {"MaxEntries", usage->max_entries}});
    return {};
  };
  TRY_VOID(add(maps.destinations.usage()));
  TRY_VOID(add(maps.subnets.usage()));
  TRY_VOID(add(maps.flows.usage()));
  TRY_VOID(add(maps.new_flows.usage()));
  TRY_VOID(add(maps.masq_ports.usage()));
  TRY_VOID(add(maps.uplinks.usage()));
  TRY_VOID(add(maps.host_addrs.usage()));
  return out;
}

} // namespace

// In how many places a program is: as filters on the devices of sandboxes, as links elsewhere.
Result<std::size_t> Service::attachments(std::string_view program) const {
  if (program == "tc_on_loopback") {
    return sandbox_network_.dns_count();
  }
  if (program == "tc_from_container" || program == "tc_to_container") {
    const auto lock = context_.registry.lock();
    std::size_t count = 0;
    for (const auto& [id, sandbox] : context_.registry.sandboxes) {
      count += static_cast<std::size_t>(
          std::ranges::count_if(sandbox->endpoints, [](const auto& e) { return e->connected; }));
    }
    return count;
  }
  return TRY(context_.plane.pinned(program))
  .size();
}

Census Service::census() const {
  Census out;
  {
    const auto lock = context_.registry.lock();
    std::map<std::string_view, std::size_t> endpoints; // by network
    for (const auto& [id, sandbox] : context_.registry.sandboxes) {
      if (sandbox->ready) {
        count_state(*sandbox, out.sandboxes);
        out.endpoints += sandbox->endpoints.size();
        for (const auto& endpoint : sandbox->endpoints) {
          ++endpoints[endpoint->network_id];
        }
      }
    }
    for (const auto& [id, network] : context_.registry.networks) {
      if (!network->removing) {
        out.networks.push_back({network->name, network->driver, network->created, network->index,
                                !network->bridge.empty(), endpoints[id]});
      }
    }
  }
  std::ranges::sort(out.networks, {}, &NetworkCensus::name);
  out.tcp = publisher_.count(IPPROTO_TCP);
  out.udp = publisher_.count(IPPROTO_UDP);
  out.uplinks = uplinks_.list();
  return out;
}

Result<Json> Service::status(bool verify) {
  const Census census = this->census();
  const Json counts{{"Networks", census.networks.size()},
                    {"Sandboxes", census.sandboxes.total()},
                    {"Running", census.sandboxes.running},
                    {"Endpoints", census.endpoints},
                    {"PublishedRanges", census.tcp.ranges + census.udp.ranges}};
  Json drops = Json::array();
  Json traffic = Json::array();
  const auto add_row = [&](const std::string& name, NetworkIndex index) -> Result<void> {
    const auto row = TRY(context_.plane.maps().counters.read(index));
    add_drops(drops, name, row);
    add_traffic(traffic, name, row);
    return {};
  };
  TRY_VOID(add_row("", NetworkIndex(0)));
  for (const auto& network : census.networks) {
    TRY_VOID(add_row(network.name, network.index));
  }
  Json uplinks = Json::array();
  for (const auto& uplink : census.uplinks) {
    uplinks.push_back(
        {{"Name", uplink.name},
         {"Address", uplink.address.is_unspecified() ? "" : uplink.address.to_string()},
         {"IPv6Address", uplink.address6.is_unspecified() ? "" : uplink.address6.to_string()},
         {"Attached", uplink.problem.empty()},
         {"Problem", uplink.problem}});
  }
  Json programs = Json::array();
  for (const auto& row : loader::program_table()) {
    if (row.hook != loader::Hook::none) {
      programs.push_back({{"Name", row.name}, {"Links", TRY(attachments(row.name))}});
    }
  }
  Json out{{"Version", kVersion},
           {"Pid", ::getpid()},
           {"StartedAt", started_at_},
           {"Kernel", loader::kernel_release()},
           {"StateDir", context_.options.state_dir.string()},
           {"RunDir", context_.options.run_dir.string()},
           {"Bpffs", context_.options.bpffs.string()},
           {"CgroupRoot", context_.options.cgroup_root.string()},
           {"Attach", context_.plane.features().tcx ? "tcx" : "clsact"},
           {"Counts", counts},
           {"Features", features_view(context_.plane.features())},
           {"Programs", programs},
           {"Maps", TRY(maps_view(context_.plane.maps()))},
           {"Uplinks", uplinks},
           {"Traffic", traffic},
           {"Drops", drops}};
  if (verify) {
    out["Problems"] = TRY(verify_kernel(context_, publisher_, census.uplinks));
  }
  return out;
}

Result<Json> Service::version() {
  return Json{{"Version", kVersion},
              {"Kernel", loader::kernel_release()},
              {"SchemaVersion", static_cast<int>(EBN_SCHEMA_VERSION)}};
}

} // namespace ebpfnet::network
