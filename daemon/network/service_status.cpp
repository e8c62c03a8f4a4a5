// What the daemon tells about itself. See service.hpp.
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/network/service.hpp"
#include "daemon/network/verify.hpp"
#include "daemon/version.hpp"
#include "maps/view/counters.hpp"

namespace ebpfnet::network {
namespace {

constexpr std::string_view kPaths[] = {"local", "bridge", "out", "in", "host", "published"};

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
  for (std::size_t path = 0; path < std::size(kPaths); ++path) {
    if (row.packets[path] != 0) {
      out.push_back({{"Network", network},
                     {"Path", kPaths[path]},
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

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

} // namespace

Result<Json> Service::status(bool verify) {
  std::vector<std::pair<std::string, NetworkIndex>> networks{{"", NetworkIndex(0)}};
  Json counts;
  {
    const auto lock = context_.registry.lock();
    std::size_t running = 0;
    std::size_t endpoints = 0;
    for (const auto& [id, network] : context_.registry.networks) {
      networks.emplace_back(network->name, network->index);
    }
    for (const auto& [id, sandbox] : context_.registry.sandboxes) {
      running += sandbox->state == SandboxState::running ? 1 : 0;
      endpoints += sandbox->endpoints.size();
    }
    counts = {{"Networks", context_.registry.networks.size()},
              {"Sandboxes", context_.registry.sandboxes.size()},
              {"Running", running},
              {"Endpoints", endpoints}};
  }
  counts["PublishedRanges"] = publisher_.count();
  Json drops = Json::array();
  Json traffic = Json::array();
  for (const auto& [name, index] : networks) {
    const auto row = TRY(context_.plane.maps().counters.read(index));
    add_drops(drops, name, row);
    add_traffic(traffic, name, row);
  }
  Json uplinks = Json::array();
  for (const auto& uplink : uplinks_.list()) {
    uplinks.push_back(
        {{"Name", uplink.name},
         {"Address", uplink.address.is_unspecified() ? "" : uplink.address.to_string()},
         {"Attached", uplink.problem.empty()},
         {"Problem", uplink.problem}});
  }
  Json programs = Json::array();
  for (const auto& row : loader::program_table()) {
    programs.push_back(
        {{"Name", row.name}, {"Links", TRY(context_.plane.pinned(row.name)).size()}});
  }
  Json out{{"Version", kVersion},
           {"Pid", ::getpid()},
           {"StartedAt", started_at_},
           {"Kernel", kernel_release()},
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
    out["Problems"] = TRY(verify_kernel(context_));
  }
  return out;
}

Result<Json> Service::version() {
  return Json{{"Version", kVersion},
              {"Kernel", kernel_release()},
              {"SchemaVersion", static_cast<int>(EBN_SCHEMA_VERSION)}};
}

} // namespace ebpfnet::network
