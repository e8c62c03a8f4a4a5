// What every part of the service layer works with: where things are, and the tools.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/dns/server.hpp"
#include "daemon/netlink/link_remover.hpp"
#include "daemon/network/registry.hpp"
#include "daemon/services/registry.hpp"
#include "daemon/state/store.hpp"
#include "loader/data_plane.hpp"

namespace ebpfnet::network {

struct Options {
  std::filesystem::path state_dir;
  std::filesystem::path run_dir;
  std::filesystem::path bpffs;
  std::filesystem::path cgroup_root; // of the cgroup2 file system
  std::filesystem::path shim;        // the supervisor's program
  std::vector<std::string> uplinks;  // empty: every interface that leads outside
  bool tcx = true;                   // false: clsact filters even where the kernel has tcx links
  std::uint16_t masq_first = 61000;
  std::uint16_t masq_last = 65535;
  std::uint32_t flow_quota = 32768;
};

// The port of the daemon's DNS sockets inside sandboxes, on 127.0.0.11; outside the ephemeral
// range.
inline constexpr std::uint16_t kDnsPort = 61053;

struct Context {
  Options options;
  std::string instance; // marks what this daemon made, so that no other daemon sweeps it
  state::Store& store;
  loader::DataPlane& plane;
  services::Registry& names;
  dns::Server& dns;
  Registry& registry;
  netlink::LinkRemover& links;

  std::filesystem::path netns_path(const std::string& sandbox_id) const {
    return options.run_dir / "netns" / sandbox_id;
  }
  std::filesystem::path run_path(const std::string& sandbox_id) const {
    return options.run_dir / "sandboxes" / sandbox_id;
  }
  std::filesystem::path state_path(const std::string& sandbox_id) const {
    return options.state_dir / "sandboxes" / sandbox_id;
  }
  std::filesystem::path cgroup_path(const std::string& sandbox_id) const {
    return options.cgroup_root / ("ebpfnet-" + instance) / sandbox_id;
  }
  // "ebpfnet:<instance>:endpoint:<id>", the alias of a device.
  std::string device_alias(std::string_view kind, const std::string& id) const {
    return fmt::format("{}{}:{}", alias_prefix(), kind, id);
  }
  std::string alias_prefix() const { return fmt::format("ebpfnet:{}:", instance); }
};

} // namespace ebpfnet::network
