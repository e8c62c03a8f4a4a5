#include "daemon/network/bridge/records.hpp"

#include "daemon/network/bridge/options.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network::bridge {
namespace {

const ipam::SubnetPlan* subnet4(const Network& network) {
  for (const auto& subnet : network.plan.subnets) {
    if (subnet.subnet.is_v4()) {
      return &subnet;
    }
  }
  return nullptr;
}

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
  return flags;
}

// The table of subnets has one owner per prefix. When it goes, another network with the same subnet
// takes its place: a subnet of ours must never look like the outside.
Result<void> pass_on_subnet(Context& context, const Network& leaving, const IpPrefix& subnet) {
  auto& subnets = context.plane.maps().subnets;
  {
    const auto lock = context.registry.lock();
    for (const auto& [id, other] : context.registry.networks) {
      const auto* theirs = subnet4(*other);
      if (id != leaving.id && theirs != nullptr && theirs->subnet == subnet) {
        return subnets.put(subnet_key(subnet), other->index.value);
      }
    }
  }
  return subnets.remove(subnet_key(subnet));
}

Result<void> put_gateway(Context& context, const Network& network, const IpAddress& gateway) {
  auto& maps = context.plane.maps();
  ebn_dest dest{};
  dest.kind = EBN_DEST_GATEWAY;
  dest.mtu = static_cast<__u16>(network.mtu);
  view::copy_mac(network.bridge_mac, dest.mac);
  return maps.destinations.put(dest_key(network, gateway), dest);
}

} // namespace

IpAddress host_address(Slot slot) {
  return IpAddress::from_v4((198U << 24) | (18U << 16)).plus(slot.value);
}

IpPrefix host_address_block() {
  static_assert(EBN_MAX_ENDPOINTS == 1 << 14);
  return IpPrefix::of(host_address(Slot(0)), 32 - 14);
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

Result<void> put_network(Context& context, const Network& network) {
  auto& maps = context.plane.maps();
  const BridgeOptions options = TRY(parse_options(network.options));
  ebn_network record{};
  record.flags = flags_of(network, options);
  if (const auto* subnet = subnet4(network)) {
    record.subnet4 = view::to_abi(subnet->subnet.address());
    record.prefix4_len = subnet->subnet.length();
    if (subnet->gateway) {
      record.gateway4 = view::to_abi(*subnet->gateway);
      TRY_VOID(put_gateway(context, network, *subnet->gateway));
    }
    TRY_VOID(maps.subnets.put(subnet_key(subnet->subnet), network.index.value));
  }
  return maps.networks.put(network.index.value, record);
}

Result<void> remove_network(Context& context, const Network& network) {
  auto& maps = context.plane.maps();
  TRY_VOID(maps.networks.put(network.index.value, ebn_network{}));
  if (const auto* subnet = subnet4(network)) {
    if (subnet->gateway) {
      TRY_VOID(maps.destinations.remove(dest_key(network, *subnet->gateway)));
    }
    TRY_VOID(pass_on_subnet(context, network, subnet->subnet));
  }
  return context.plane.maps().counters.reset(network.index);
}

Result<void> put_endpoint(Context& context, const Network& network, const Sandbox& sandbox,
                          const Endpoint& endpoint, bool serves_neighbours) {
  auto& maps = context.plane.maps();
  const BridgeOptions options = TRY(parse_options(network.options));
  const IpAddress seen_by_host = network.overlapping ? host_address(endpoint.slot) : IpAddress();
  ebn_endpoint record{};
  record.network = network.index.value;
  record.sandbox = sandbox.index.value;
  record.addr4 = view::to_abi(endpoint.ipv4);
  record.host_addr = view::to_abi(seen_by_host);
  record.flags = static_cast<__u16>((serves_neighbours ? EBN_EP_NAT_LOCAL : 0) |
                                    (options.spoof_check ? 0 : EBN_EP_SPOOF_OK));
  record.mtu = static_cast<__u16>(network.mtu);
  view::copy_mac(endpoint.mac, record.mac);
  view::copy_mac(network.bridge_mac, record.gw_mac);
  TRY_VOID(maps.endpoints.put(endpoint.slot.value, record));
  ebn_dest dest{};
  dest.slot = endpoint.slot.value;
  dest.kind = EBN_DEST_ENDPOINT;
  dest.flags = static_cast<__u8>(record.flags);
  dest.mtu = record.mtu;
  view::copy_mac(endpoint.mac, dest.mac);
  if (network.overlapping) {
    TRY_VOID(maps.destinations.put(dest_key(network, seen_by_host), dest));
    TRY_VOID(maps.destinations.put(host_key(seen_by_host), dest));
  }
  return maps.destinations.put(dest_key(network, endpoint.ipv4), dest);
}

Result<void> remove_destinations(Context& context, const Network& network,
                                 const Endpoint& endpoint) {
  auto& destinations = context.plane.maps().destinations;
  if (network.overlapping) {
    TRY_VOID(destinations.remove(dest_key(network, host_address(endpoint.slot))));
    TRY_VOID(destinations.remove(host_key(host_address(endpoint.slot))));
  }
  return destinations.remove(dest_key(network, endpoint.ipv4));
}

Result<void> remove_endpoint(Context& context, const Endpoint& endpoint) {
  return context.plane.maps().endpoints.put(endpoint.slot.value, ebn_endpoint{});
}

} // namespace ebpfnet::network::bridge
