#include "daemon/metrics/tables.hpp"

#include <algorithm>

#include "maps/abi/limits.h"

namespace ebpfnet::metrics {
namespace {

using view::Maps;
using view::MapUsage;

// Hash tables: every element; arrays: the rows for which `in_use` holds.
template <class Key, class Value, class InUse>
Result<MapUsage> count(const view::MapView<Key, Value>& map, InUse in_use) {
  std::size_t entries = 0;
  TRY_VOID(map.walk([&](const Key&, const Value& value) { entries += in_use(value) ? 1 : 0; }));
  return map.usage_of(entries);
}

// One walk tells number and kinds.
Result<MapUsage> count_flows(const view::MapView<ebn_flow_key, ebn_flow>& map, FlowKinds& kinds) {
  return count(map, [&](const ebn_flow& flow) {
    ++kinds[flow.kind < kinds.size() ? flow.kind : 0];
    return true;
  });
}

using Reader = Result<MapUsage> (*)(const Maps& maps, Tables& out, std::size_t networks);

struct Table {
  std::string_view map;
  Reader read;
};

// One row per map of view::kMaps, in the same order.
constexpr Table kTables[] = {
    {"endpoints",
     [](const Maps& maps, Tables&, std::size_t) {
       return count(maps.endpoints, [](const ebn_endpoint& row) { return row.network != 0; });
     }},
    {"destinations",
     [](const Maps& maps, Tables&, std::size_t) { return maps.destinations.usage(); }},
    {"networks",
     [](const Maps& maps, Tables&, std::size_t) {
       return count(maps.networks, [](const ebn_network& row) { return row.flags != 0; });
     }},
    {"networks6",
     [](const Maps& maps, Tables&, std::size_t) {
       return count(maps.networks6, [](const ebn_network6& row) { return row.prefix_len != 0; });
     }},
    {"subnets", [](const Maps& maps, Tables&, std::size_t) { return maps.subnets.usage(); }},
    {"counters",
     [](const Maps&, Tables&, std::size_t networks) {
       return Result<MapUsage>(MapUsage{"counters", networks + 1, EBN_MAX_NETWORKS});
     }},
    {"flows", [](const Maps& maps, Tables& out,
                 std::size_t) { return count_flows(maps.flows, out.established); }},
    {"new_flows", [](const Maps& maps, Tables& out,
                     std::size_t) { return count_flows(maps.new_flows, out.unreplied); }},
    {"masq_ports", [](const Maps& maps, Tables&, std::size_t) { return maps.masq_ports.usage(); }},
    {"fragments", [](const Maps& maps, Tables&, std::size_t) { return maps.fragments.usage(); }},
    {"sandbox_flows",
     [](const Maps& maps, Tables&, std::size_t) {
       return count(maps.sandbox_flows, [](__u32 flows) { return flows != 0; });
     }},
    {"published",
     [](const Maps& maps, Tables&, std::size_t) {
       return count(maps.published, [](const ebn_publish& row) { return row.first != 0; });
     }},
    {"port_index",
     [](const Maps& maps, Tables&, std::size_t) {
       return Result<MapUsage>(MapUsage{"port_index", maps.port_index.count(), EBN_PORT_ROWS});
     }},
    {"uplinks", [](const Maps& maps, Tables&, std::size_t) { return maps.uplinks.usage(); }},
    {"host_addrs", [](const Maps& maps, Tables&, std::size_t) { return maps.host_addrs.usage(); }},
    {"host_peers", [](const Maps& maps, Tables&, std::size_t) { return maps.host_peers.usage(); }},
};
static_assert(std::ranges::equal(kTables, view::kMaps, {}, &Table::map,
                                 [](const view::MapRow& row) {
                                   return std::string_view(row.name);
                                 }),
              "every map has a row that counts it");

} // namespace

Result<Tables> read_tables(const Maps& maps, std::size_t networks) {
  Tables out;
  for (const Table& row : kTables) {
    out.maps.push_back(TRY(row.read(maps, out, networks)));
  }
  return out;
}

} // namespace ebpfnet::metrics
