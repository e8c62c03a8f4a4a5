// Which subnets, ranges, gateways and reserved addresses a new network gets: pure decisions on what
// the caller knows of the host. Nothing is reserved here. Other networks of ours may have the same
// subnet: they are isolated from each other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "maps/types/ip.hpp"

namespace ebpfnet::ipam {

// Auxiliary addresses with these names are the default gateway of the sandboxes in place of the
// bridge's address.
inline constexpr const char* kAuxGatewayV4 = "DefaultGatewayIPv4";
inline constexpr const char* kAuxGatewayV6 = "DefaultGatewayIPv6";

enum class Family { v4, v6 };
inline constexpr Family kFamilies[] = {Family::v4, Family::v6};

inline Family family_of(const IpAddress& address) {
  return address.is_v4() ? Family::v4 : Family::v6;
}
inline std::string_view name_of(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

// As the user wrote it; see api::IpamConfig. "0.0.0.0/28" or "::/80" asks for a prefix of that size
// from the pools.
struct SubnetRequest {
  std::string subnet, ip_range, gateway;
  std::map<std::string, std::string> aux;
};

struct PlanRequest {
  std::vector<SubnetRequest>
      subnets; // at most one per family; a missing family comes from the pools
  bool enable_ipv4 = true;
  bool enable_ipv6 = false;
  bool internal = false;             // no default gateway unless given or required
  bool gateway_required = false;     // even an internal network gets one, or is refused
  std::vector<IpPrefix> host_routes; // a user's subnet must not contain one, the automatic choice
                                     // overlaps none; default routes are ignored
  std::vector<IpPrefix> avoid; // name servers and the like: only the automatic choice avoids them
  std::vector<IpPrefix> own_pools_in_use; // as `avoid`; routes inside them are ours, not the host's
  std::uint64_t ula_seed = 0;             // lower 40 bits make the IPv6 pool fdXX:XXXX:XXXX::/48
};

struct SubnetPlan {
  IpPrefix subnet;
  IpPrefix range; // where automatic addresses come from
  std::optional<IpAddress> gateway;
  std::map<std::string, IpAddress> aux;
  bool overlapping = false; // with another network's: the host sees translated addresses

  Family family() const { return family_of(subnet.address()); }
};

struct NetworkPlan {
  std::vector<SubnetPlan> subnets; // one per family, IPv4 first

  // nullptr: the network does not have this family.
  const SubnetPlan* find(Family family) const;
};

// Errors carry Docker's words: `invalid` for a request that contradicts itself, `conflict` for a
// route of the host, `exhausted` when no pool has room.
Result<NetworkPlan> plan_network(const PlanRequest& request);

} // namespace ebpfnet::ipam
