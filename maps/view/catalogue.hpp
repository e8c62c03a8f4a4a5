// All maps of the data plane: their pin names and their typed views. One row here per map.
#pragma once

#include <filesystem>
#include <memory>

#include "maps/abi/clock.h"
#include "maps/abi/endpoint.h"
#include "maps/abi/flow.h"
#include "maps/abi/host_peer.h"
#include "maps/abi/limits.h"
#include "maps/abi/network.h"
#include "maps/abi/publish.h"
#include "maps/abi/uplink.h"
#include "maps/view/counters.hpp"
#include "maps/view/map.hpp"
#include "maps/view/port_index.hpp"

namespace ebpfnet::view {

struct MapRow {
  const char* name;  // in the programs, and of the pin
  const char* holds; // for people: what an element is
};

inline constexpr MapRow kMaps[] = {
    {"endpoints", "endpoints"},
    {"destinations", "addresses in networks"},
    {"networks", "networks"},
    {"networks6", "networks with IPv6"},
    {"subnets", "subnets"},
    {"counters", "counter rows"},
    {"flows", "established flows"},
    {"new_flows", "flows without a reply"},
    {"masq_ports", "reserved ports"},
    {"fragments", "fragmented datagrams"},
    {"sandbox_flows", "flow quotas"},
    {"published", "published ranges"},
    {"port_index", "port index rows"},
    {"uplinks", "uplinks"},
    {"host_addrs", "host addresses"},
    {"host_peers", "sockets of the host at published ports"},
};

// Pinned like the others, but of no interest to people: what the programs share among themselves.
inline constexpr const char* kInnerMaps[] = {"clock_flows", "clock_ports", "clock_timer"};

struct Maps {
  MapView<__u32, ebn_endpoint> endpoints;
  MapView<ebn_dest_key, ebn_dest> destinations;
  MapView<__u32, ebn_network> networks;
  MapView<__u32, ebn_network6> networks6;
  MapView<ebn_subnet_key, __u32> subnets;
  MapView<ebn_flow_key, ebn_flow> flows;
  MapView<ebn_flow_key, ebn_flow> new_flows;
  MapView<ebn_masq_key, ebn_masq> masq_ports;
  MapView<ebn_fragment_key, ebn_fragment> fragments;
  MapView<__u32, __u32> sandbox_flows;
  MapView<__u32, ebn_publish> published;
  MapView<__u32, ebn_uplink> uplinks;
  MapView<ebn_addr, __u32> host_addrs;
  MapView<ebn_host_peer_key, ebn_host_peer> host_peers;
  QueueView<ebn_clock_flow> clock_flows;
  QueueView<ebn_clock_port> clock_ports;
  PortIndex port_index;
  Counters counters;

  // Opens every view from the pins in `directory`.
  static Result<std::unique_ptr<Maps>> open(const std::filesystem::path& directory);
};

} // namespace ebpfnet::view
