// What exists: networks, sandboxes and their endpoints, as the daemon remembers them. The records
// are plain; who may read and write them when is said at registry.hpp.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/api/requests.hpp"
#include "daemon/ipam/allocator.hpp"
#include "daemon/ipam/plan.hpp"
#include "maps/types/id.hpp"
#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::network {

using Json = nlohmann::json;
using ipam::Family;
using ipam::kFamilies;

struct Network {
  std::string id; // 64 hex digits
  std::string name;
  std::string driver;
  std::string created; // RFC 3339
  bool internal = false;
  bool attachable = false;
  bool predefined = false;
  api::StringMap options;
  api::StringMap labels;
  ipam::NetworkPlan plan;
  NetworkIndex index;
  std::string bridge; // name of the device; empty for drivers without one
  Mac bridge_mac;
  std::uint32_t mtu = 1500;

  std::unique_ptr<ipam::Allocator> allocator;
  bool removing = false;       // no new endpoint may come
  std::uint32_t endpoints = 0; // that have an address, ready or not
};

// One attachment of a sandbox to a network.
struct Endpoint {
  std::string id;
  std::string network_id;
  std::string sandbox_id;
  std::string ifname; // in the sandbox: eth0, eth1, ...
  Slot slot;
  IpAddress ipv4; // "::": none
  IpAddress ipv6; // "::": none
  Mac mac;
  std::vector<std::string> aliases;
  int gw_priority = 0;
  bool connected = false; // the device is there; false while being made or removed

  const IpAddress& address(Family family) const { return family == Family::v4 ? ipv4 : ipv6; }
  IpAddress& address(Family family) { return family == Family::v4 ? ipv4 : ipv6; }
};

enum class SandboxState { created, running, exited };
std::string_view name_of(SandboxState state);

struct Sandbox {
  std::string id;
  std::string name;
  std::string created;
  SandboxIndex index;
  api::SandboxCreate config;
  std::string hostname;
  std::string shares_with; // id of the sandbox whose namespace this one uses (--network container:)
  SandboxState state = SandboxState::created;
  int pid = 0;
  int shim_pid = 0;
  int exit_code = 0;
  int restart_count = 0;
  bool stopped_by_user = false; // no restart policy until the next start
  std::string started_at;
  std::string finished_at;
  std::vector<api::PortSpec> ports;                 // with the host ports that were chosen
  std::vector<std::shared_ptr<Endpoint>> endpoints; // in connection order
  unsigned next_ifname = 0;

  bool restarting = false; // ended, and its restart policy will start it again
  bool discard_unless_started =
      false;                       // made by an attached `run`: goes if the command cannot start
  bool ready = false;              // made and recorded; listed from then on
  bool removing = false;           // no operation may begin
  std::mutex operation;            // held by whoever changes this sandbox
  std::condition_variable changed; // with the registry's mutex: state or existence changed
  bool gone = false;
};

// Documents of the state database.
Json to_document(const Network& network);
Json to_document(const Sandbox& sandbox);
Json to_document(const Endpoint& endpoint);
Result<std::shared_ptr<Network>> network_from_document(const std::string& id, const Json& document);
Result<std::shared_ptr<Sandbox>> sandbox_from_document(const std::string& id, const Json& document);
Result<std::shared_ptr<Endpoint>> endpoint_from_document(const std::string& id,
                                                         const Json& document);

// RFC 3339 in UTC, with nanoseconds, as Docker prints times.
std::string now_rfc3339();

} // namespace ebpfnet::network
