#include "daemon/network/bridge/bridge_driver.hpp"

#include <linux/ipv6.h>

#include <span>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/sysctl.hpp"
#include "daemon/network/bridge/host_routes.hpp"
#include "daemon/network/bridge/options.hpp"
#include "daemon/network/bridge/records.hpp"

namespace ebpfnet::network::bridge {
namespace {

using netlink::Socket;

constexpr std::string_view kPredefinedBridge = "ebpfnet0";

// The host end of a veth, from the endpoint's id: "ebv" + 12 digits fills the 15 characters that a
// name may have.
std::string veth_name(const Endpoint& endpoint) {
  return "ebv" + endpoint.id.substr(0, 12);
}

Result<void> write_device_sysctl(const std::string& family, const std::string& device,
                                 const char* key, const char* value) {
  return netlink::write_sysctl(fmt::format("net/{}/conf/{}/{}", family, device, key), value);
}

// Nobody speaks IPv6 on a network without it. A kernel without IPv6 has no such key, and that is as
// good.
Result<void> disable_ipv6(const std::string& device) {
  auto written = write_device_sysctl("ipv6", device, "disable_ipv6", "1");
  return !written && written.error().code == ErrorCode::not_found ? Result<void>()
                                                                  : std::move(written);
}

struct Setting {
  const char* key;
  const char* value;
};

// Forwarding is switched on here alone: net.ipv6.conf.all.forwarding would make the host deaf to
// the router advertisements of its uplinks. The link-local address is the one that the programs
// know, Mac::link_local. disable_ipv6 comes last, since with it addresses come.
constexpr Setting kBridgeSettings[] = {
    {"addr_gen_mode", "0"},     {"accept_ra", "0"},  {"accept_dad", "0"},
    {"keep_addr_on_down", "1"}, {"forwarding", "1"}, {"disable_ipv6", "0"},
};

// All addresses are given here; none is asked for, made up or checked for duplicates.
constexpr Setting kSandboxSettings[] = {
    {"addr_gen_mode", "0"}, {"accept_ra", "0"},     {"accept_redirects", "0"}, {"autoconf", "0"},
    {"accept_dad", "0"},    {"dad_transmits", "0"}, {"disable_ipv6", "0"},
};

Result<void> prepare_ipv6(const Network& network, const std::string& device,
                          std::span<const Setting> settings) {
  if (network.plan.find(Family::v6) == nullptr) {
    return disable_ipv6(device);
  }
  for (const Setting& setting : settings) {
    TRY_VOID(write_device_sysctl("ipv6", device, setting.key, setting.value));
  }
  return {};
}

Result<void> configure_bridge(Socket& socket, const Network& network, IfIndex bridge) {
  TRY_VOID(prepare_ipv6(network, network.bridge, kBridgeSettings));
  // bpf_fib_lookup forwards only from devices with forwarding on; the packets themselves do not
  // pass the stack.
  TRY_VOID(write_device_sysctl("ipv4", network.bridge, "forwarding", "1"));
  for (const auto& subnet : network.plan.subnets) {
    if (subnet.gateway) {
      TRY_VOID(netlink::add_address(socket, bridge, *subnet.gateway, subnet.subnet.length(),
                                    subnet.overlapping));
    }
  }
  return netlink::set_link_up(socket, bridge);
}

// Whoever has our number without being ours was left half made, or could not be removed in time.
Result<void> clear_number(Context& context, Socket& socket, IfIndex index,
                          const std::string& alias) {
  const auto holder = TRY(netlink::find_link(socket, index));
  const bool left = holder && holder->alias != alias &&
                    (holder->alias.empty() || holder->alias.starts_with(context.alias_prefix()));
  return left ? netlink::delete_link(socket, index) : Result<void>();
}

Result<void> ensure_bridge(Context& context, Socket& socket, const Network& network) {
  const std::string alias = context.device_alias("network", network.id);
  TRY_VOID(clear_number(context, socket, bridge_ifindex(network.index), alias));
  const auto existing = TRY(netlink::find_link(socket, network.bridge));
  if (existing && existing->alias == alias && existing->index == bridge_ifindex(network.index)) {
    return configure_bridge(socket, network, existing->index);
  }
  if (existing && existing->alias.empty() && is_own_ifindex(existing->index)) {
    TRY_VOID(netlink::delete_link(socket, existing->index)); // left half made
  } else if (existing) {
    return Failure(Error{ErrorCode::conflict, 0,
                         fmt::format("a device named '{}' exists already", network.bridge),
                         "choose another name with -o com.docker.network.bridge.name=NAME"});
  }
  const IfIndex bridge =
      TRY(netlink::create_bridge(socket, {network.bridge, network.bridge_mac, network.mtu, alias,
                                          bridge_ifindex(network.index)}));
  if (auto configured = configure_bridge(socket, network, bridge); !configured) {
    [[maybe_unused]] const auto ignored = netlink::delete_link(socket, bridge);
    return configured;
  }
  return {};
}

// Towards the host's stack: the FDB entry that learning would lose, and for an overlapping network
// the routes to the addresses by which the host knows the endpoint.
Result<void> connect_to_bridge(Socket& socket, const Network& network, const Endpoint& endpoint) {
  const IfIndex veth = veth_ifindex(endpoint.slot);
  netlink::BridgePortOptions port;
  port.learning = false;
  TRY_VOID(netlink::set_bridge_port(socket, veth, port));
  TRY_VOID(netlink::add_fdb(socket, veth, endpoint.mac));
  return add_host_routes(socket, network, endpoint);
}

Result<void> create_device(Context& context, Socket& socket, const Network& network,
                           const Endpoint& endpoint, int netns) {
  netlink::VethSpec spec;
  spec.host_name = veth_name(endpoint);
  spec.host_index = veth_ifindex(endpoint.slot);
  // The bridge hands what is sent to the address of one of its ports to the host's stack. So the
  // ports have the bridge's own, which the programs know as the gateway's.
  spec.host_mac = network.bridge_mac;
  spec.host_alias = context.device_alias("endpoint", endpoint.id);
  spec.mtu = network.mtu;
  spec.master = bridge_ifindex(network.index);
  spec.peer_name = endpoint.ifname;
  spec.peer_mac = endpoint.mac;
  spec.peer_netns_fd = netns;
  return netlink::create_veth(socket, spec);
}

// The other end may be in a namespace that somebody took away.
Result<bool> is_inside(int netns, const std::string& device) {
  auto socket = TRY(Socket::open_in(netns));
  return TRY(netlink::find_link(socket, device))
  .has_value();
}

// Inside the sandbox's namespace.
Result<void> configure_inside(const Network& network, const Endpoint& endpoint) {
  TRY_VOID(prepare_ipv6(network, endpoint.ifname, kSandboxSettings));
  if (network.plan.find(Family::v6) != nullptr) {
    TRY_VOID(write_device_sysctl("ipv6", "lo", "disable_ipv6", "0")); // ::1
  }
  auto socket = TRY(Socket::open());
  const auto link = TRY(netlink::find_link(socket, endpoint.ifname));
  if (!link) {
    return fail(ErrorCode::internal, "device '{}' is not in the sandbox", endpoint.ifname);
  }
  for (const auto& plan : network.plan.subnets) {
    TRY_VOID(netlink::add_address(socket, link->index, endpoint.address(plan.family()),
                                  plan.subnet.length(), false));
  }
  return netlink::set_link_up(socket, link->index);
}

Result<void> check_subnet(const ipam::SubnetPlan& plan, std::uint32_t mtu) {
  const IpPrefix block = host_address_block(plan.family());
  if (plan.subnet.overlaps(block)) {
    return Failure(Error{ErrorCode::conflict, 0,
                         fmt::format("subnet {} overlaps with {}, by which the host knows the "
                                     "sandboxes of networks that share a subnet",
                                     plan.subnet.to_string(), block.to_string()),
                         "choose another --subnet"});
  }
  if (plan.family() == Family::v6 && mtu < IPV6_MIN_MTU) {
    return Failure(Error{ErrorCode::invalid, 0,
                         fmt::format("an MTU of {} is too small for IPv6 (RFC 8200)", mtu),
                         fmt::format("give the network {} at least", IPV6_MIN_MTU)});
  }
  return {};
}

} // namespace

Result<void> BridgeDriver::validate(const Context& context, Network& network) const {
  const BridgeOptions options = TRY(parse_options(network.options));
  const std::string fallback =
      network.predefined ? std::string(kPredefinedBridge) : "ebn" + network.id.substr(0, 12);
  network.bridge = options.bridge_name.empty() ? fallback : options.bridge_name;
  network.mtu = options.mtu;
  TRY_VOID(netlink::check_link_name(network.bridge));
  for (const auto& plan : network.plan.subnets) {
    TRY_VOID(check_subnet(plan, network.mtu));
  }
  for (const auto& [id, other] : context.registry.networks) {
    if (other->bridge == network.bridge) {
      return fail(ErrorCode::conflict, "bridge '{}' belongs to network '{}'", network.bridge,
                  other->name);
    }
  }
  return {};
}

Result<void> BridgeDriver::setup(Context& context, const Network& network) const {
  auto socket = TRY(Socket::open());
  TRY_VOID(ensure_bridge(context, socket, network));
  return put_network(context, network);
}

Result<void> BridgeDriver::teardown(Context& context, const Network& network) const {
  auto socket = TRY(Socket::open());
  auto removed = netlink::delete_link(socket, bridge_ifindex(network.index));
  auto forgotten = remove_network(context, network);
  return removed ? forgotten : removed;
}

Result<void> BridgeDriver::join(Context& context, const Network& network, const Sandbox& sandbox,
                                const Endpoint& endpoint, int netns) const {
  auto socket = TRY(Socket::open());
  const IfIndex veth = veth_ifindex(endpoint.slot);
  const auto existing = TRY(netlink::find_link(socket, veth));
  const bool whole = existing && existing->alias == context.device_alias("endpoint", endpoint.id) &&
                     TRY(is_inside(netns, endpoint.ifname));
  if (existing && !whole) {
    TRY_VOID(netlink::delete_link(socket, veth));
  }
  if (!whole) {
    TRY_VOID(create_device(context, socket, network, endpoint, netns));
  } else if (existing->master != bridge_ifindex(network.index)) {
    TRY_VOID(netlink::set_link_master(socket, veth, bridge_ifindex(network.index)));
  }
  // The record and the programs are there before the device is up: nothing passes unseen.
  TRY_VOID(put_endpoint(context, network, sandbox, endpoint, !sandbox.ports.empty()));
  TRY_VOID(context.plane.attach_container(veth));
  TRY_VOID(connect_to_bridge(socket, network, endpoint));
  TRY_VOID(netlink::set_link_up(socket, veth));
  return netlink::in_netns(netns, [&] { return configure_inside(network, endpoint); });
}

Result<void> BridgeDriver::leave(Context& context, const Network& network,
                                 const Endpoint& endpoint) const {
  // Neighbours lose the way first; the record outlives the device, so that its last packets are
  // known.
  auto unreachable = remove_destinations(context, network, endpoint);
  auto removed = context.links.remove(veth_ifindex(endpoint.slot), bridge_ifindex(network.index));
  auto forgotten = remove_endpoint(context, endpoint);
  Result<void> unrouted;
  if (!host_addresses(network, endpoint).empty()) {
    auto socket = TRY(Socket::open());
    unrouted = remove_host_routes(socket, network, endpoint);
  }
  for (const auto* result : {&removed, &unreachable, &forgotten, &unrouted}) {
    if (!*result) {
      return *result;
    }
  }
  return {};
}

} // namespace ebpfnet::network::bridge
