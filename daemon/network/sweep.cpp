#include "daemon/network/sweep.hpp"

#include <spdlog/spdlog.h>

#include "daemon/netlink/link.hpp"
#include "daemon/network/bridge/records.hpp"
#include "daemon/network/flow_sweep.hpp"

namespace ebpfnet::network {
namespace {

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

// Records and subnets of networks that are gone.
Result<void> sweep_networks(Context& context) {
  auto& maps = context.plane.maps();
  std::vector<std::uint32_t> unknown;
  TRY_VOID(maps.networks.walk([&](std::uint32_t index, const ebn_network& record) {
    const auto lock = context.registry.lock();
    if (record.flags != 0 && !context.registry.network_indexes.in_use(index)) {
      unknown.push_back(index);
    }
  }));
  for (const std::uint32_t index : unknown) {
    TRY_VOID(maps.networks.put(index, ebn_network{}));
  }
  unknown.clear();
  TRY_VOID(maps.networks6.walk([&](std::uint32_t index, const ebn_network6& record) {
    const auto lock = context.registry.lock();
    if (record.prefix_len != 0 && !context.registry.network_indexes.in_use(index)) {
      unknown.push_back(index);
    }
  }));
  for (const std::uint32_t index : unknown) {
    TRY_VOID(maps.networks6.put(index, ebn_network6{}));
  }
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

Result<void> sweep_devices(Context& context, const std::set<std::string>& known) {
  auto socket = TRY(netlink::Socket::open());
  const std::string prefix = context.alias_prefix();
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

Result<void> sweep_tables(Context& context) {
  TRY_VOID(sweep_destinations(context));
  TRY_VOID(sweep_endpoints(context));
  TRY_VOID(sweep_networks(context));
  return remove_flows(context.plane.maps(), [&context](SandboxIndex sandbox) {
    const auto lock = context.registry.lock();
    return !context.registry.sandbox_indexes.in_use(sandbox.value);
  });
}

} // namespace ebpfnet::network
