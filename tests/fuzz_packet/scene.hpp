// A host with random settings: flags of networks and endpoints, published ports, sandboxes with
// two endpoints. What stands in the maps stands here too, for the generator and for the model.
#pragma once

#include <optional>
#include <vector>

#include "tests/fuzz_packet/random.hpp"
#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

struct Party {
  std::uint32_t slot = 0;
  std::uint32_t network = 0;
  std::uint32_t sandbox = 0;
  std::uint16_t flags = 0;
  IpAddress ip;
  Mac mac;
  IpAddress gateway;
  Mac gateway_mac;
  IpAddress host_address; // unspecified: the host sees `ip`

  bool may_spoof() const { return (flags & EBN_EP_SPOOF_OK) != 0; }
  bool serves_neighbours() const { return (flags & EBN_EP_NAT_LOCAL) != 0; }
  // By which the host knows it.
  const IpAddress& seen_by_host() const {
    return host_address.is_unspecified() ? ip : host_address;
  }
};

struct PublishedRange {
  std::uint8_t proto = kTcp;
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::uint16_t target = 0;
  IpAddress host; // unspecified: every one
  std::uint32_t slot = 0;

  bool has(std::uint8_t protocol, std::uint16_t port) const {
    return proto == protocol && first <= port && port <= last;
  }
};

class Scene {
public:
  // Resets the world and gives it settings of the random numbers.
  Scene(World& world, Random& random);

  // Another sandbox gets the slot of one that had flows.
  void give_a_slot_away(Random& random);

  World& world() const { return world_; }
  const std::vector<Party>& parties() const { return parties_; }
  const Party* party(std::uint32_t slot) const;
  // Who has the address in the network.
  const Party* owner(std::uint32_t network, const IpAddress& address) const;
  std::uint32_t flags(std::uint32_t network) const { return flags_.at(network); }
  bool is(std::uint32_t network, ebn_network_flags flag) const {
    return (flags(network) & flag) != 0;
  }
  const IpPrefix& subnet(std::uint32_t network) const { return subnets_.at(network); }
  bool in_some_subnet(const IpAddress& address) const;
  // Of the host: the uplink's and the gateways'.
  const std::vector<IpAddress>& host_addresses() const { return host_addresses_; }
  bool is_host_address(const IpAddress& address) const;

  const std::vector<PublishedRange>& published() const { return published_; }
  const PublishedRange* published_for(std::uint8_t proto, const IpAddress& host,
                                      std::uint16_t port) const;
  bool has_published_port(std::uint8_t proto, std::uint16_t port) const;

private:
  void set_networks(Random& random);
  void set_parties(Random& random);
  void write_sandbox(const Party& party);
  void publish(Random& random);

  World& world_;
  std::vector<Party> parties_;
  std::vector<std::uint32_t> flags_;
  std::vector<IpPrefix> subnets_;
  std::vector<IpAddress> host_addresses_;
  std::vector<PublishedRange> published_;
};

} // namespace ebpfnet::packet
