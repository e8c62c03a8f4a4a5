#include "tests/fuzz_packet/scene.hpp"

#include <algorithm>

#include "maps/view/convert.hpp"

namespace ebpfnet::packet {

Scene::Scene(World& world, Random& random) : world_(world) {
  world.reset();
  set_networks(random);
  set_parties(random);
  publish(random);
}

// The usual network of a name keeps its nature more often than not.
void Scene::set_networks(Random& random) {
  flags_.resize(kNetworks);
  subnets_.resize(kNetworks);
  host_addresses_ = {world_.host()};
  for (std::uint32_t network = 1; network < kNetworks; ++network) {
    const ebn_network record = world_.maps().networks.get(network).value().value();
    std::uint32_t flags = record.flags;
    for (const std::uint32_t flag : {EBN_NET_NO_ICC, EBN_NET_MASQUERADE, EBN_NET_INTERNAL}) {
      flags ^= random.one_in(12) ? flag : 0;
    }
    world_.set_network_flags(network, flags);
    flags_[network] = flags;
    subnets_[network] = IpPrefix::of(view::from_abi(record.subnet4), record.prefix4_len);
    host_addresses_.push_back(view::from_abi(record.gateway4));
  }
}

void Scene::set_parties(Random& random) {
  for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
    const Endpoint& ep = world_.at(slot);
    Party party{slot,       ep.network,     ep.sandbox(),   0, ep.ip, ep.mac,
                ep.gateway, ep.gateway_mac, ep.host_address};
    party.flags = static_cast<std::uint16_t>((random.one_in(10) ? EBN_EP_SPOOF_OK : 0) |
                                             (random.one_in(2) ? EBN_EP_NAT_LOCAL : 0));
    // One sandbox in two networks, one of which may be internal.
    if ((slot == kDogWeb || slot == kInternalA) && random.one_in(3)) {
      party.sandbox = world_.at(kCatWeb).sandbox();
    }
    world_.set_endpoint_flags(slot, party.flags);
    write_sandbox(party);
    parties_.push_back(party);
  }
}

void Scene::write_sandbox(const Party& party) {
  ebn_endpoint record = world_.maps().endpoints.get(party.slot).value().value();
  record.sandbox = party.sandbox;
  EXPECT_TRUE(succeeded(world_.maps().endpoints.put(party.slot, record)));
}

void Scene::give_a_slot_away(Random& random) {
  Party& party = parties_[random.below(parties_.size())];
  party.sandbox += 2 * kSlots;
  write_sandbox(party);
}

// Ranges that do not overlap, so that each port has one record.
void Scene::publish(Random& random) {
  const auto put = [&](const PublishedRange& range) {
    world_.publish(range.proto, range.first, range.last, range.host, range.slot, range.target);
    published_.push_back(range);
  };
  for (const std::uint8_t proto : {kTcp, kUdp}) {
    for (std::uint16_t first = 8000; first < 8010; first = static_cast<std::uint16_t>(first + 2)) {
      PublishedRange range{proto, first,       static_cast<std::uint16_t>(first + random.below(2)),
                           5000,  IpAddress(), random.of(parties_).slot};
      if (random.one_in(4)) {
        range.host = random.of(host_addresses_);
      }
      put(range);
    }
  }
  put({kUdp, 67, 67, 67, IpAddress(), random.of(parties_).slot}); // where DHCP clients ask
}

const Party* Scene::party(std::uint32_t slot) const {
  return slot >= 1 && slot <= parties_.size() ? &parties_[slot - 1] : nullptr;
}

const Party* Scene::owner(std::uint32_t network, const IpAddress& address) const {
  const auto found = std::ranges::find_if(parties_, [&](const Party& party) {
    return party.network == network && party.ip == address;
  });
  return found == parties_.end() ? nullptr : &*found;
}

bool Scene::in_some_subnet(const IpAddress& address) const {
  return std::any_of(subnets_.begin() + 1, subnets_.end(),
                     [&](const IpPrefix& subnet) { return subnet.contains(address); });
}

bool Scene::is_host_address(const IpAddress& address) const {
  return std::ranges::find(host_addresses_, address) != host_addresses_.end();
}

const PublishedRange* Scene::published_for(std::uint8_t proto, const IpAddress& host,
                                           std::uint16_t port) const {
  const auto found = std::ranges::find_if(published_, [&](const PublishedRange& range) {
    return range.has(proto, port) && (range.host.is_unspecified() || range.host == host);
  });
  return found == published_.end() ? nullptr : &*found;
}

bool Scene::has_published_port(std::uint8_t proto, std::uint16_t port) const {
  return std::ranges::any_of(published_,
                             [&](const PublishedRange& range) { return range.has(proto, port); });
}

} // namespace ebpfnet::packet
