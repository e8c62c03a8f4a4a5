// Planning a sandbox: everything that can be refused is refused here, before anything is made. See
// service.hpp.
#include <algorithm>

#include "daemon/network/names.hpp"
#include "daemon/network/service.hpp"

namespace ebpfnet::network {
namespace {

constexpr std::string_view kContainerPrefix = "container:";
constexpr std::uint32_t kBridgePorts = 1023; // BR_MAX_PORTS of net/bridge/br_private.h, less port 0

// `--network host` and the like may also come as the one network of the list.
void normalise(api::SandboxCreate& request) {
  if (!request.network_mode.empty() || request.networks.size() != 1) {
    return;
  }
  const std::string& only = request.networks.front().network;
  if (only == "host" || only == "none" || only.starts_with(kContainerPrefix)) {
    request.network_mode = only;
    request.networks.clear();
  }
}

Result<void> check_mode(const api::SandboxCreate& request) {
  const std::string& mode = request.network_mode;
  if (!mode.empty() && mode != "host" && mode != "none" && !mode.starts_with(kContainerPrefix)) {
    return fail(ErrorCode::invalid, "invalid network mode '{}'", mode);
  }
  if (!mode.empty() && !request.networks.empty()) {
    return fail(ErrorCode::invalid,
                "conflicting options: sandbox cannot be attached to network '{}' and to others",
                mode);
  }
  if (!mode.empty() && mode != "none" && !request.netns_path.empty()) {
    return fail(ErrorCode::invalid, "conflicting options: --netns and network mode '{}'", mode);
  }
  const bool no_ports = mode == "host" || mode == "none" || mode.starts_with(kContainerPrefix);
  if (no_ports && !request.ports.empty()) {
    return fail(ErrorCode::invalid, "conflicting options: port publishing and network mode '{}'",
                mode);
  }
  if (mode.starts_with(kContainerPrefix) && !request.hostname.empty()) {
    return fail(ErrorCode::invalid, "conflicting options: hostname and network mode '{}'", mode);
  }
  return {};
}

Result<void> check_request(const api::SandboxCreate& request) {
  TRY_VOID(check_mode(request));
  if (request.publish_all) {
    return Failure(Error{ErrorCode::unsupported, 0,
                         "-P needs exposed ports, and a sandbox has no image that names any",
                         "publish the ports that you need with -p"});
  }
  if (request.auto_remove && request.restart.name != "no") {
    return fail(ErrorCode::invalid, "conflicting options: cannot specify both --restart and --rm");
  }
  if (!request.name.empty()) {
    TRY_VOID(check_name("sandbox", request.name));
  }
  if (!request.hostname.empty()) {
    TRY_VOID(check_hostname(request.hostname));
  }
  for (const auto& spec : request.ports) {
    if (!spec.host_ip.empty()) {
      TRY_VOID(IpAddress::from(spec.host_ip));
    }
  }
  return {};
}

} // namespace

Result<Service::SandboxPtr> Service::plan_sandbox(const api::SandboxCreate& original) {
  auto sandbox = std::make_shared<Sandbox>();
  sandbox->config = original;
  normalise(sandbox->config);
  TRY_VOID(check_request(sandbox->config));
  auto& config = sandbox->config;
  sandbox->id = TRY(random_id());
  sandbox->name = config.name.empty() ? "sandbox_" + sandbox->id.substr(0, 8) : config.name;
  sandbox->hostname = config.hostname.empty() ? sandbox->id.substr(0, 12) : config.hostname;
  sandbox->created = now_rfc3339();
  if (config.network_mode.empty() && config.networks.empty()) {
    config.networks.push_back({.network = "bridge"});
  }
  const auto lock = context_.registry.lock();
  if (const auto other = context_.registry.sandbox_named(sandbox->name)) {
    return Failure(
        Error{ErrorCode::conflict, 0,
              fmt::format("Conflict. The sandbox name \"{}\" is already in use by sandbox {}",
                          sandbox->name, other->id.substr(0, 12)),
              "choose another name, or remove it with 'ebpfnet rm'"});
  }
  if (config.network_mode.starts_with(kContainerPrefix)) {
    const auto other =
        TRY(context_.registry.find_sandbox(config.network_mode.substr(kContainerPrefix.size())));
    if (!owns_namespace(*other) || !other->ready || other->removing) {
      return fail(ErrorCode::conflict, "the network namespace of sandbox '{}' cannot be shared",
                  other->name);
    }
    sandbox->shares_with = other->id;
    sandbox->hostname = other->hostname;
  }
  sandbox->index = SandboxIndex(TRY(context_.registry.sandbox_indexes.take()));
  Undo undo;
  undo.push([&] {
    for (const auto& endpoint : sandbox->endpoints) {
      give_back(*endpoint);
    }
    context_.registry.sandbox_indexes.give(sandbox->index.value);
  });
  for (const auto& attachment : config.networks) {
    TRY_VOID(plan_endpoint(*sandbox, attachment));
  }
  undo.keep();
  context_.registry.add(sandbox);
  return sandbox;
}

namespace {

Result<void> check_attachment(const Network& network, const api::EndpointConfig& config) {
  if (network.driver == "host" || network.driver == "null") {
    return fail(ErrorCode::invalid,
                "a sandbox cannot be connected to the {} network: it can only be started on it",
                network.name);
  }
  if (network.predefined && !(config.ipv4.empty() && config.ipv6.empty())) {
    return fail(ErrorCode::invalid,
                "user-specified IP address is supported on user-defined networks only");
  }
  if (network.predefined && !config.aliases.empty()) {
    return fail(ErrorCode::invalid,
                "network-scoped aliases are only supported on user-defined networks");
  }
  for (const auto& alias : config.aliases) {
    TRY_VOID(check_hostname(alias));
  }
  return {};
}

std::string subnets_text(const Network& network) {
  std::string out;
  for (const auto& plan : network.plan.subnets) {
    out += (out.empty() ? "" : ", ") + plan.subnet.to_string();
  }
  return out;
}

bool subnets_overlap(const Network& a, const Network& b) {
  return std::ranges::any_of(a.plan.subnets, [&](const auto& x) {
    return std::ranges::any_of(b.plan.subnets,
                               [&](const auto& y) { return x.subnet.overlaps(y.subnet); });
  });
}

// The name of the sandbox that has the address; empty: it is the gateway's or reserved.
std::string holder_of(const Registry& registry, const Network& network, const IpAddress& address) {
  for (const auto& endpoint : registry.endpoints_of(network.id)) {
    const auto sandbox = registry.sandbox(endpoint->sandbox_id);
    if (endpoint->address(ipam::family_of(address)) == address && sandbox) {
      return sandbox->name;
    }
  }
  return {};
}

// `text`: what the user asked for; empty: any.
Result<IpAddress> take_address(const Registry& registry, Network& network, Family family,
                               const std::string& text) {
  if (text.empty()) {
    auto chosen = network.allocator->request(family);
    return chosen ? std::move(chosen)
                  : Result<IpAddress>(Failure(
                        std::move(chosen).error().wrap(fmt::format("network '{}'", network.name))));
  }
  const IpAddress wanted = TRY(IpAddress::from(text));
  if (ipam::family_of(wanted) != family) {
    return fail(ErrorCode::invalid, "invalid {} address: {}", name_of(family), text);
  }
  if (auto taken = network.allocator->request_exact(wanted); !taken) {
    Error error = std::move(taken).error().wrap(
        fmt::format("address {} on network '{}'", text, network.name));
    if (const auto holder = holder_of(registry, network, wanted); !holder.empty()) {
      error.message += fmt::format(" by sandbox '{}'", holder);
    }
    return Failure(std::move(error));
  }
  return wanted;
}

void release_addresses(Network& network, const Endpoint& endpoint) {
  for (const Family family : kFamilies) {
    if (const auto& address = endpoint.address(family); !address.is_unspecified()) {
      network.allocator->release(address);
    }
  }
}

// All or nothing. An address of a family that the network does not have is refused as one outside
// of its subnets.
Result<void> take_addresses(const Registry& registry, Network& network,
                            const api::EndpointConfig& config, Endpoint& endpoint) {
  for (const Family family : kFamilies) {
    const std::string& text = family == Family::v4 ? config.ipv4 : config.ipv6;
    if (text.empty() && network.plan.find(family) == nullptr) {
      continue;
    }
    auto taken = take_address(registry, network, family, text);
    if (!taken) {
      release_addresses(network, endpoint);
      return Failure(std::move(taken).error());
    }
    endpoint.address(family) = *taken;
  }
  return {};
}

// Docker's habit where there is an IPv4 address.
Result<Mac> choose_mac(const api::EndpointConfig& config, const Endpoint& endpoint) {
  if (!config.mac.empty()) {
    return Mac::from(config.mac);
  }
  return endpoint.ipv4.is_unspecified() ? Mac::random() : Mac::from_ipv4(endpoint.ipv4);
}

} // namespace

// With the registry locked. The endpoint is in the sandbox's list when this returns it.
Result<std::shared_ptr<Endpoint>> Service::plan_endpoint(Sandbox& sandbox,
                                                         const api::EndpointConfig& config) {
  const NetworkPtr network = TRY(context_.registry.find_network(config.network));
  TRY_VOID(check_attachment(*network, config));
  if (network->removing) {
    return fail(ErrorCode::not_found, "network {} not found", config.network);
  }
  for (const auto& existing : sandbox.endpoints) {
    const auto other = context_.registry.network(existing->network_id);
    if (other == network) {
      return fail(ErrorCode::conflict, "sandbox {} is already attached to network {}", sandbox.name,
                  network->name);
    }
    if (other && subnets_overlap(*other, *network)) {
      return Failure(
          Error{ErrorCode::conflict, 0,
                fmt::format("the subnets of networks {} ({}) and {} ({}) overlap: sandbox "
                            "{} cannot be on both",
                            other->name, subnets_text(*other), network->name,
                            subnets_text(*network), sandbox.name),
                "create one of the networks with another --subnet"});
    }
  }
  if (network->endpoints >= kBridgePorts) {
    return Failure(
        Error{ErrorCode::exhausted, 0,
              fmt::format("network {} has {} endpoints, as many as a Linux bridge has ports",
                          network->name, network->endpoints),
              "create another network; a sandbox can be on both"});
  }
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->id = TRY(random_id());
  endpoint->network_id = network->id;
  endpoint->sandbox_id = sandbox.id;
  endpoint->aliases = config.aliases;
  endpoint->gw_priority = config.gw_priority;
  TRY_VOID(take_addresses(context_.registry, *network, config, *endpoint));
  Undo undo;
  undo.push([&] { release_addresses(*network, *endpoint); });
  endpoint->mac = TRY(choose_mac(config, *endpoint));
  endpoint->slot = Slot(TRY(context_.registry.slots.take()));
  undo.keep();
  endpoint->ifname = fmt::format("eth{}", sandbox.next_ifname++);
  network->endpoints += 1;
  sandbox.endpoints.push_back(endpoint);
  return endpoint;
}

// With the registry locked. What the kernel did not let go keeps its slot until the next start: its
// last records must not lead to somebody else.
void Service::give_back(const Endpoint& endpoint, bool let_go) {
  if (const auto network = context_.registry.network(endpoint.network_id)) {
    release_addresses(*network, endpoint);
    network->endpoints -= 1;
  }
  if (let_go) {
    context_.registry.slots.give(endpoint.slot.value);
  }
}

// The number rests until no flow carries it any more.
void Service::forget(const SandboxPtr& sandbox, bool let_go) {
  {
    const auto lock = context_.registry.lock();
    for (const auto& endpoint : sandbox->endpoints) {
      give_back(*endpoint, let_go);
    }
    context_.registry.remove(*sandbox);
    sandbox->gone = true;
    sandbox->changed.notify_all();
  }
  flow_sweeper_.add(sandbox->index);
}

} // namespace ebpfnet::network
