// Networks: create, connect, disconnect, remove. See service.hpp.
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

#include "daemon/dns/resolv_conf.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/network/bridge/options.hpp"
#include "daemon/network/names.hpp"
#include "daemon/network/service.hpp"
#include "daemon/network/views.hpp"

namespace ebpfnet::network {
namespace {

constexpr std::string_view kPredefinedNames[] = {"bridge", "host", "none"};

Result<std::vector<IpPrefix>> host_routes() {
  auto socket = TRY(netlink::Socket::open());
  std::vector<IpPrefix> out;
  for (const auto& route : TRY(netlink::list_routes(socket))) {
    if (route.destination && route.device.value < EBN_BRIDGE_IFINDEX_BASE) {
      out.push_back(*route.destination);
    }
  }
  return out;
}

Result<std::vector<IpPrefix>> name_servers() {
  std::vector<IpPrefix> out;
  for (const auto& server : TRY(dns::load_host_resolv_conf(false)).servers) {
    out.push_back(IpPrefix::of(server.address, server.address.is_v4() ? 32 : 128));
  }
  return out;
}

// An internal network's bridge has an address too, by which the host reaches its sandboxes; a
// subnet with no room for one goes without.
bool gateway_required(const api::NetworkCreate& request) {
  const auto tiny = [](const api::IpamConfig& config) {
    const auto prefix = IpPrefix::from(config.subnet);
    return prefix && prefix->size() <= 2;
  };
  return request.internal && std::ranges::none_of(request.ipam, tiny);
}

Result<void> check_request(const api::NetworkCreate& request, bool predefined) {
  TRY_VOID(check_name("network", request.name));
  const bool reserved =
      std::ranges::find(kPredefinedNames, request.name) != std::end(kPredefinedNames);
  if (reserved && !predefined) {
    return fail(ErrorCode::forbidden, "operation is not permitted on predefined {} network",
                request.name);
  }
  for (const DriverRow& row : driver_table()) {
    if (row.name == request.driver && !row.user_creatable && !predefined) {
      return fail(ErrorCode::forbidden, "only one instance of \"{}\" network is allowed",
                  request.driver);
    }
  }
  return {};
}

// Of this instance, and the same after a restart: the global part of the unique local /48.
std::uint64_t ula_seed(const std::string& instance) {
  std::uint64_t seed = 0;
  std::from_chars(instance.data(), instance.data() + std::min<std::size_t>(instance.size(), 10),
                  seed, 16);
  return seed;
}

// What is known without other networks.
Result<ipam::PlanRequest> plan_request(const Context& context, const api::NetworkCreate& request) {
  const auto options = TRY(bridge::parse_options(request.options));
  ipam::PlanRequest out;
  out.enable_ipv4 = request.enable_ipv4.value_or(options.ipv4.value_or(true));
  out.enable_ipv6 = request.enable_ipv6.value_or(options.ipv6.value_or(false));
  out.internal = request.internal;
  out.gateway_required = gateway_required(request);
  out.host_routes = TRY(host_routes());
  out.avoid = TRY(name_servers());
  out.ula_seed = ula_seed(context.instance);
  for (const auto& config : request.ipam) {
    out.subnets.push_back({config.subnet, config.ip_range, config.gateway, config.aux_addresses});
  }
  return out;
}

} // namespace

Result<Service::NetworkPtr> Service::plan_network(const api::NetworkCreate& request,
                                                  bool predefined) {
  TRY_VOID(check_request(request, predefined));
  const Driver* driver = TRY(find_driver(request.driver));
  const bool has_subnets = request.driver == "bridge";
  auto wanted = has_subnets ? TRY(plan_request(context_, request)) : ipam::PlanRequest();
  auto network = std::make_shared<Network>();
  network->id = TRY(random_id());
  network->name = request.name;
  network->driver = request.driver;
  network->created = now_rfc3339();
  network->internal = request.internal;
  network->attachable = request.attachable;
  network->predefined = predefined;
  network->options = request.options;
  network->labels = request.labels;
  const auto lock = context_.registry.lock();
  for (const auto& [id, other] : context_.registry.networks) {
    if (other->name == request.name) {
      return Failure(Error{ErrorCode::conflict, 0,
                           fmt::format("network with name {} already exists", request.name),
                           "choose another name, or remove it with 'ebpfnet network rm'"});
    }
    for (const auto& plan : other->plan.subnets) {
      wanted.own_pools_in_use.push_back(plan.subnet);
    }
  }
  if (has_subnets) {
    network->plan = TRY(ipam::plan_network(wanted));
    network->bridge_mac = TRY(Mac::random());
  }
  TRY_VOID(driver->validate(context_, *network));
  network->index = NetworkIndex(TRY(context_.registry.network_indexes.take()));
  network->allocator = std::make_unique<ipam::Allocator>(network->plan);
  network->removing = true; // nobody may connect before it is made
  context_.registry.networks[network->id] = network;
  return network;
}

Result<Service::NetworkPtr> Service::create_network(const api::NetworkCreate& request,
                                                    bool predefined) {
  TRY_VOID(context_.store.check_writable());
  auto network = TRY(plan_network(request, predefined));
  Undo undo;
  undo.push([&] {
    const auto lock = context_.registry.lock();
    context_.registry.networks.erase(network->id);
    context_.registry.network_indexes.give(network->index.value);
  });
  // Nothing that was counted for an earlier network of this number shows under the new name, also
  // when a daemon died before the other's removal was complete.
  TRY_VOID(context_.plane.maps().counters.reset(network->index));
  const Driver* driver = TRY(find_driver(network->driver));
  undo.push(
      [&, driver] { [[maybe_unused]] const auto ignored = driver->teardown(context_, *network); });
  TRY_VOID(driver->setup(context_, *network));
  const state::Change change{state::Change::Op::put, "network", network->id, network->name,
                             to_document(*network)};
  undo.push([&] {
    const state::Change back{state::Change::Op::remove, "network", network->id, network->name, {}};
    [[maybe_unused]] const auto ignored = context_.store.apply({&back, 1});
  });
  TRY_VOID(context_.store.apply({&change, 1}));
  TRY_VOID(uplinks_.sync());
  undo.keep();
  const auto lock = context_.registry.lock();
  network->removing = false;
  spdlog::info("event=network_created network={:?} id={} driver={}", network->name, network->id,
               network->driver);
  return network;
}

Result<Json> Service::network_create(const api::NetworkCreate& request) {
  const auto network = TRY(create_network(request, false));
  return Json{{"Id", network->id}, {"Warning", ""}};
}

Result<void> Service::remove_network(const NetworkPtr& network) {
  {
    const auto lock = context_.registry.lock();
    if (network->predefined) {
      return fail(ErrorCode::forbidden, "{} is a pre-defined network and cannot be removed",
                  network->name);
    }
    if (network->removing) {
      return fail(ErrorCode::not_found, "network {} not found", network->name);
    }
    std::string users;
    for (const auto& endpoint : context_.registry.endpoints_of(network->id)) {
      const auto sandbox = context_.registry.sandbox(endpoint->sandbox_id);
      users += fmt::format("{}\"{}\"", users.empty() ? "" : ", ",
                           sandbox ? sandbox->name : endpoint->sandbox_id);
    }
    if (!users.empty()) {
      return Failure(Error{
          ErrorCode::conflict, 0,
          fmt::format("error while removing network: network {} id {} has active endpoints: {}",
                      network->name, network->id.substr(0, 12), users),
          "disconnect or remove these sandboxes first"});
    }
    network->removing = true;
  }
  const Driver* driver = TRY(find_driver(network->driver));
  const state::Change change{state::Change::Op::remove, "network", network->id, network->name, {}};
  if (auto recorded = context_.store.apply({&change, 1}); !recorded) {
    const auto lock = context_.registry.lock();
    network->removing = false;
    return recorded;
  }
  // From here on the network is gone for the user; what the kernel refuses now is swept at the next
  // start, and keeps its number until then.
  auto torn = driver->teardown(context_, *network);
  if (!torn) {
    spdlog::warn("event=network_remains network={:?} error={:?}", network->name,
                 torn.error().story());
  }
  const auto lock = context_.registry.lock();
  context_.registry.networks.erase(network->id);
  if (torn) {
    context_.registry.network_indexes.give(network->index.value);
  }
  spdlog::info("event=network_removed network={:?} id={}", network->name, network->id);
  return {};
}

// The addresses of a bridge that has gone; also followed by netlink.
void Service::sync_uplinks_or_log() {
  if (auto synced = uplinks_.sync(); !synced) {
    spdlog::error("event=uplink_sync_failed error={:?}", synced.error().story());
  }
}

Result<Json> Service::network_remove(const std::string& ref) {
  NetworkPtr network;
  {
    const auto lock = context_.registry.lock();
    network = TRY(context_.registry.find_network(ref));
  }
  TRY_VOID(remove_network(network));
  sync_uplinks_or_log();
  return Json{{"Id", network->id}, {"Name", network->name}};
}

Result<Json> Service::network_prune(const server::Filters& filters) {
  TRY_VOID(context_.store.check_writable());
  std::vector<NetworkPtr> unused;
  {
    const auto lock = context_.registry.lock();
    for (const auto& [id, network] : context_.registry.networks) {
      if (!network->predefined && !network->removing &&
          context_.registry.endpoints_of(id).empty() && TRY(matches(*network, filters))) {
        unused.push_back(network);
      }
    }
  }
  Json removed = Json::array();
  for (const auto& network : unused) {
    if (remove_network(network)) { // one that came into use meanwhile stays
      removed.push_back(network->name);
    }
  }
  sync_uplinks_or_log();
  return Json{{"NetworksDeleted", removed}};
}

Result<Json> Service::network_connect(const std::string& ref, const api::NetworkConnect& request) {
  TRY_VOID(context_.store.check_writable());
  Held held = TRY(hold(request.sandbox));
  api::EndpointConfig config = request.endpoint;
  config.network = ref;
  std::shared_ptr<Endpoint> endpoint;
  const unsigned next_ifname = held->next_ifname;
  {
    const auto lock = context_.registry.lock();
    if (!owns_namespace(*held)) {
      return fail(
          ErrorCode::conflict,
          "sandbox '{}' shares another network namespace and cannot be connected to any network",
          held->name);
    }
    endpoint = TRY(plan_endpoint(*held, config));
  }
  Undo undo;
  undo.push([&] {
    [[maybe_unused]] const auto ignored = sandbox_network_.disconnect(*held, endpoint);
    const auto lock = context_.registry.lock();
    std::erase(held->endpoints, endpoint);
    held->next_ifname = next_ifname;
    give_back(*endpoint);
  });
  TRY_VOID(sandbox_network_.connect(*held, endpoint));
  TRY_VOID(record_with_endpoints(*held));
  undo.keep();
  if (held->state == SandboxState::running || !held->config.process) {
    sandbox_network_.announce(*held);
  }
  return Json::object();
}

Result<Json> Service::network_disconnect(const std::string& ref,
                                         const api::NetworkDisconnect& request) {
  Held held = TRY(hold(request.sandbox));
  std::shared_ptr<Endpoint> endpoint;
  {
    const auto lock = context_.registry.lock();
    const auto network = TRY(context_.registry.find_network(ref));
    for (const auto& candidate : held->endpoints) {
      endpoint = candidate->network_id == network->id ? candidate : endpoint;
    }
    if (!endpoint) {
      return fail(ErrorCode::conflict, "sandbox {} is not connected to network {}", held->name,
                  network->name);
    }
  }
  Undo undo;
  undo.push([&, position = std::ranges::find(held->endpoints, endpoint) - held->endpoints.begin()] {
    const auto lock = context_.registry.lock();
    held->endpoints.insert(held->endpoints.begin() + position, endpoint);
  });
  {
    const auto lock = context_.registry.lock();
    std::erase(held->endpoints, endpoint);
  }
  // The record goes first: what cannot be recorded is refused before anything happens to traffic.
  const state::Change changes[] = {
      {state::Change::Op::remove, "endpoint", endpoint->id, "", {}},
      {state::Change::Op::put, "sandbox", held->id, held->name, to_document(*held)}};
  TRY_VOID(context_.store.apply(changes));
  auto left = sandbox_network_.disconnect(*held, endpoint);
  if (!left && !request.force) {
    undo.run();
    reconnect(*held, endpoint);
    return Failure(std::move(left).error());
  }
  undo.keep();
  const auto lock = context_.registry.lock();
  give_back(*endpoint, left.has_value());
  return Json::object();
}

// What the kernel did not let go is as before. What that fails in too is repaired at the next
// start.
void Service::reconnect(Sandbox& sandbox, const std::shared_ptr<Endpoint>& endpoint) {
  auto connected = sandbox_network_.connect(sandbox, endpoint);
  auto recorded = record_with_endpoints(sandbox);
  for (const auto* result : {&connected, &recorded}) {
    if (!*result) {
      spdlog::error("event=record_failed sandbox={:?} error={:?}", sandbox.name,
                    result->error().story());
    }
  }
  if (sandbox.state == SandboxState::running || !sandbox.config.process) {
    sandbox_network_.announce(sandbox);
  }
}

Result<Json> Service::network_list(const server::Filters& filters) {
  const auto lock = context_.registry.lock();
  Json out = Json::array();
  for (const auto& [id, network] : context_.registry.networks) {
    if (!network->removing && TRY(matches(*network, filters))) {
      out.push_back(network_view(context_.registry, *network));
    }
  }
  return out;
}

Result<Json> Service::network_inspect(const std::string& ref) {
  const auto lock = context_.registry.lock();
  return network_view(context_.registry, *TRY(context_.registry.find_network(ref)));
}

} // namespace ebpfnet::network
