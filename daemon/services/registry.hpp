// The one list of which names lead to which addresses, per network. Whoever attaches or detaches an
// endpoint writes it; the DNS server reads it, and so does everything else that turns names into
// addresses. Safe from any thread.
#pragma once

#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/types/ip.hpp"

namespace ebpfnet::services {

enum class Family { v4, v6 };

// One attachment of a sandbox to a network, as names see it.
struct EndpointRecord {
  std::string endpoint_id;
  std::string network_id;
  std::string network_name;
  std::vector<std::string>
      names; // the first one answers PTR: sandbox name, then aliases, short id, hostname
  std::optional<IpAddress> ipv4;
  std::optional<IpAddress> ipv6;
};

struct PtrAnswer {
  std::string name;
  std::string network_name;
  bool operator==(const PtrAnswer&) const = default;
};

class Registry {
public:
  // Adds an endpoint, or replaces the record of the same endpoint_id (also when it moves to another
  // network).
  void put(EndpointRecord record);

  // Forgets an endpoint; unknown ids are ignored.
  void remove(std::string_view endpoint_id);

  // Addresses of one family behind a name (any letter case) in a network, in order of arrival.
  // Empty when the name is unknown and also when it has no address of that family: see `knows`.
  std::vector<IpAddress> lookup(std::string_view network_id, std::string_view name,
                                Family family) const;

  // Does any endpoint of the network carry this name?
  bool knows(std::string_view network_id, std::string_view name) const;

  // First name of the endpoint that has this address in the network. Endpoints without names have
  // no answer.
  std::optional<PtrAnswer> reverse(std::string_view network_id, const IpAddress& address) const;

private:
  using Endpoints = std::vector<std::string>;      // endpoint ids in order of arrival
  using Key = std::pair<std::string, std::string>; // network id, lower-case name

  void forget(std::string_view endpoint_id);

  mutable std::shared_mutex mutex_;
  std::map<std::string, EndpointRecord, std::less<>> records_;
  std::map<Key, Endpoints> by_name_;
  std::map<std::pair<std::string, IpAddress>, Endpoints> by_address_;
};

} // namespace ebpfnet::services
