#include "daemon/network/bridge/records.hpp"

#include "daemon/network/bridge/options.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network::bridge {
namespace {

ebn_subnet_key subnet_key(const IpPrefix& prefix) {
  return {prefix.mapped_length(), view::to_abi(prefix.address())};
}

ebn_dest_key dest_key(const Network& network, const IpAddress& address) {
  return {network.index.value, view::to_abi(address)};
}

// What leaves through the host's stack is known by the address that the host sees, in no network.
ebn_dest_key host_key(const IpAddress& seen_by_host) {
  return {0, view::to_abi(seen_by_host)};
}

std::uint32_t flags_of(const Network& network, const BridgeOptions& options) {
  std::uint32_t flags = EBN_NET_IN_USE;
  if (network.internal) {
    flags |= EBN_NET_INTERNAL;
  } else if (options.masquerade) {
    flags |= EBN_NET_MASQUERADE;
  }
  if (!options.icc) {
    flags |= EBN_NET_NO_ICC;
  }
  if (network.plan.find(Family::v6) != nullptr) {
    flags |= EBN_NET_IPV6;
  }
  return flags;
}

// The table of subnets has one owner per prefix. When it goes, another network with the same subnet
// takes its place: a subnet of ours must never look like the outside.
Result<void> pass_on_subnet(Context& context, const Network& leaving, const IpPrefix& subnet) {
  auto& subnets = context.plane.maps().subnets;
  {
    const auto lock = context.registry.lock();
    for (const auto& [id, other] : context.registry.networks) {
      const auto* theirs = other->plan.find(ipam::family_of(subnet.address()));
      if (id != leaving.id && theirs != nullptr && theirs->subnet == subnet) {
        return subnets.put(subnet_key(subnet), other->index.value);
      }
    }
  }
  return subnets.remove(subnet_key(subnet));
}

// What the bridge answers to in its network.
std::vector<IpAddress> bridge_addresses(const Network& network) {
  std::vector<IpAddress> out;
  for (const auto& plan : network.plan.subnets) {
    if (plan.gateway) {
      out.push_back(*plan.gateway);
    }
    if (plan.family() == Family::v6) {
      out.push_back(network.bridge_mac.link_local());
    }
  }
  return out;
}

Result<void> put_gateways(Context& context, const Network& network) {
  ebn_dest dest{};
  dest.kind = EBN_DEST_GATEWAY;
  dest.mtu = static_cast<__u16>(network.mtu);
  view::copy_mac(network.bridge_mac, dest.mac);
  for (const IpAddress& address : bridge_addresses(network)) {
    TRY_VOID(context.plane.maps().destinations.put(dest_key(network, address), dest));
  }
  return {};
}

// Of a family that the network does not have: nothing.
ebn_network network_record(const Network& network, const BridgeOptions& options) {
  ebn_network record{};
  record.flags = flags_of(network, options);
  if (const auto* plan = network.plan.find(Family::v4)) {
    record.subnet4 = view::to_abi(plan->subnet.address());
    record.prefix4_len = plan->subnet.length();
    record.gateway4 = view::to_abi(plan->gateway.value_or(IpAddress()));
  }
  return record;
}

ebn_network6 network6_record(const Network& network) {
  ebn_network6 record{};
  if (const auto* plan = network.plan.find(Family::v6)) {
    record.subnet = view::to_abi(plan->subnet.address());
    record.prefix_len = plan->subnet.length();
    record.gateway = view::to_abi(plan->gateway.value_or(IpAddress()));
  }
  return record;
}

bool overlaps(const Network& network, Family family) {
  const auto* plan = network.plan.find(family);
  return plan != nullptr && plan->overlapping;
}

ebn_endpoint endpoint_record(const Network& network, const Sandbox& sandbox,
                             const Endpoint& endpoint, const BridgeOptions& options,
                             bool serves_neighbours) {
  ebn_endpoint record{};
  record.network = network.index.value;
  record.sandbox = sandbox.index.value;
  record.addr4 = view::to_abi(endpoint.ipv4);
  record.addr6 = view::to_abi(endpoint.ipv6);
  if (overlaps(network, Family::v4)) {
    record.host_addr = view::to_abi(host_address(Family::v4, endpoint.slot));
  }
  record.flags = static_cast<__u16>((serves_neighbours ? EBN_EP_NAT_LOCAL : 0) |
                                    (options.spoof_check ? 0 : EBN_EP_SPOOF_OK) |
                                    (overlaps(network, Family::v6) ? EBN_EP_HOST6 : 0));
  record.mtu = static_cast<__u16>(network.mtu);
  view::copy_mac(endpoint.mac, record.mac);
  view::copy_mac(network.bridge_mac, record.gw_mac);
  return record;
}

} // namespace

IpAddress host_address(Family family, Slot slot) {
  static_assert(EBN_HOST6_WORD0 == 0x20010002);
  const auto base = family == Family::v4 ? IpAddress::from_v4((198U << 24) | (18U << 16))
                                         : IpAddress::from_bytes({0x20, 0x01, 0x00, 0x02});
  return base.plus(slot.value);
}

IpPrefix host_address_block(Family family) {
  static_assert(EBN_MAX_ENDPOINTS == 1 << 14);
  return IpPrefix::of(host_address(family, Slot(0)), (family == Family::v4 ? 32 : 128) - 14);
}

std::vector<IpAddress> host_addresses(const Network& network, const Endpoint& endpoint) {
  std::vector<IpAddress> out;
  for (const Family family : kFamilies) {
    if (overlaps(network, family)) {
      out.push_back(host_address(family, endpoint.slot));
    }
  }
  return out;
}

IfIndex bridge_ifindex(NetworkIndex index) {
  return IfIndex(EBN_BRIDGE_IFINDEX_BASE + index.value);
}

IfIndex veth_ifindex(Slot slot) {
  return IfIndex(EBN_VETH_IFINDEX_BASE + slot.value);
}

bool is_own_ifindex(IfIndex index) {
  const auto within = [&](std::uint32_t base, std::uint32_t size) {
    return index.value >= base && index.value - base < size;
  };
  return within(EBN_BRIDGE_IFINDEX_BASE, EBN_MAX_NETWORKS) ||
         within(EBN_VETH_IFINDEX_BASE, EBN_MAX_ENDPOINTS);
}

std::vector<ebn_dest_key> destination_keys(const Network& network, const Endpoint& endpoint) {
  std::vector<ebn_dest_key> out;
  for (const IpAddress& seen_by_host : host_addresses(network, endpoint)) {
    out.push_back(dest_key(network, seen_by_host));
    out.push_back(host_key(seen_by_host));
  }
  for (const Family family : kFamilies) {
    if (!endpoint.address(family).is_unspecified()) {
      out.push_back(dest_key(network, endpoint.address(family)));
    }
  }
  if (network.plan.find(Family::v6) != nullptr) {
    out.push_back(dest_key(network, endpoint.mac.link_local()));
  }
  return out;
}

Result<void> put_network(Context& context, const Network& network) {
  auto& maps = context.plane.maps();
  const BridgeOptions options = TRY(parse_options(network.options));
  TRY_VOID(put_gateways(context, network));
  for (const auto& plan : network.plan.subnets) {
    TRY_VOID(maps.subnets.put(subnet_key(plan.subnet), network.index.value));
  }
  TRY_VOID(maps.networks6.put(network.index.value, network6_record(network)));
  return maps.networks.put(network.index.value, network_record(network, options));
}

Result<void> remove_network(Context& context, const Network& network) {
  auto& maps = context.plane.maps();
  TRY_VOID(maps.networks.put(network.index.value, ebn_network{}));
  TRY_VOID(maps.networks6.put(network.index.value, ebn_network6{}));
  for (const IpAddress& address : bridge_addresses(network)) {
    TRY_VOID(maps.destinations.remove(dest_key(network, address)));
  }
  for (const auto& plan : network.plan.subnets) {
    TRY_VOID(pass_on_subnet(context, network, plan.subnet));
  }
  return maps.counters.reset(network.index);
}

Result<void> put_endpoint(Context& context, const Network& network, const Sandbox& sandbox,
                          const Endpoint& endpoint, bool serves_neighbours) {
  auto& maps = context.plane.maps();
  const BridgeOptions options = TRY(parse_options(network.options));
  const ebn_endpoint record =
      endpoint_record(network, sandbox, endpoint, options, serves_neighbours);
  TRY_VOID(maps.endpoints.put(endpoint.slot.value, record));
  ebn_dest dest{};
  dest.slot = endpoint.slot.value;
  dest.kind = EBN_DEST_ENDPOINT;
  dest.flags = static_cast<__u8>(record.flags & EBN_EP_NAT_LOCAL);
  dest.mtu = record.mtu;
  view::copy_mac(endpoint.mac, dest.mac);
  for (const ebn_dest_key& key : destination_keys(network, endpoint)) {
    TRY_VOID(maps.destinations.put(key, dest));
  }
  return {};
}

Result<void> remove_destinations(Context& context, const Network& network,
                                 const Endpoint& endpoint) {
  for (const ebn_dest_key& key : destination_keys(network, endpoint)) {
    TRY_VOID(context.plane.maps().destinations.remove(key));
  }
  return {};
}

Result<void> remove_endpoint(Context& context, const Endpoint& endpoint) {
  return context.plane.maps().endpoints.put(endpoint.slot.value, ebn_endpoint{});
}

} // namespace ebpfnet::network::bridge
