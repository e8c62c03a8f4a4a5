#include "daemon/network/sandbox_network.hpp"

#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/netns.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/netlink/sysctl.hpp"
#include "daemon/shim/state.hpp"

namespace ebpfnet::network {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kDnsAddress = 0x7f00000b; // 127.0.0.11

// Inside the sandbox's namespace.
Result<UniqueFd> open_dns_socket(int type) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kDnsPort);
  address.sin_addr.s_addr = htonl(kDnsAddress);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      (type == SOCK_STREAM && ::listen(fd.get(), 128) != 0)) {
    return fail_errno(errno, "bind the DNS socket 127.0.0.11:{}", kDnsPort);
  }
  return fd;
}

struct DnsSockets {
  UniqueFd udp;
  UniqueFd tcp;
};

Result<DnsSockets> open_dns_sockets() {
  UniqueFd udp = TRY(open_dns_socket(SOCK_DGRAM));
  UniqueFd tcp = TRY(open_dns_socket(SOCK_STREAM));
  return DnsSockets{std::move(udp), std::move(tcp)};
}

struct DefaultRoute {
  IpPrefix everything; // of the family
  IpAddress gateway;   // "::": there is no default route
  std::string device;
};

Result<void> remove_routes(netlink::Socket& socket, const IpPrefix& destination) {
  for (const auto& existing : TRY(netlink::list_routes(socket))) {
    if (existing.destination == destination) {
      netlink::RouteSpec route;
      route.destination = destination;
      route.device = existing.device;
      TRY_VOID(netlink::remove_route(socket, route));
    }
  }
  return {};
}

// Inside the sandbox's namespace.
Result<void> replace_default_route(netlink::Socket& socket, const DefaultRoute& wanted) {
  if (wanted.gateway.is_unspecified()) {
    return remove_routes(socket, wanted.everything);
  }
  const auto link = TRY(netlink::find_link(socket, wanted.device));
  if (!link) {
    return fail(ErrorCode::internal, "device '{}' is not in the sandbox", wanted.device);
  }
  netlink::RouteSpec route;
  route.destination = wanted.everything;
  route.gateway = wanted.gateway;
  route.device = link->index;
  return netlink::add_route(socket, route);
}

// Inside the sandbox's namespace. A kernel without IPv6 has no such setting.
bool has_ipv6_loopback() {
  const auto disabled = netlink::read_sysctl("net/ipv6/conf/lo/disable_ipv6");
  return disabled && *disabled == "0";
}

void keep_first(Result<void>& first, Result<void> next) {
  if (first && !next) {
    first = std::move(next);
  }
}

} // namespace

bool owns_namespace(const Sandbox& sandbox) {
  return sandbox.config.network_mode != "host" && sandbox.shares_with.empty();
}

fs::path SandboxNetwork::netns_file(const Sandbox& sandbox) const {
  if (sandbox.config.network_mode == "host") {
    return {};
  }
  return context_.netns_path(sandbox.shares_with.empty() ? sandbox.id : sandbox.shares_with);
}

std::vector<Attachment> SandboxNetwork::attachments(const Sandbox& sandbox,
                                                    bool connected_only) const {
  const auto lock = context_.registry.lock();
  std::vector<Attachment> out;
  for (const auto& endpoint : sandbox.endpoints) {
    if (endpoint->connected || !connected_only) {
      if (auto network = context_.registry.network(endpoint->network_id)) {
        out.push_back({endpoint, network});
      }
    }
  }
  return out;
}

SandboxFacts SandboxNetwork::facts(const Sandbox& sandbox) const {
  SandboxFacts out;
  const auto connected = attachments(sandbox, true);
  out.internal_only = !connected.empty();
  for (const auto& [endpoint, network] : connected) {
    for (const auto& plan : network->plan.subnets) {
      out.addresses.push_back(endpoint->address(plan.family()));
    }
    out.internal_only = out.internal_only && network->internal;
    if (!network->predefined) {
      out.dns_networks.push_back({network->id, network->name});
    }
  }
  out.embedded_dns = !out.dns_networks.empty();
  const auto lock = context_.registry.lock();
  for (const auto& [id, network] : context_.registry.networks) {
    for (const auto& plan : network->plan.subnets) {
      if (network->predefined && plan.gateway) {
        out.host_gateway.push_back(*plan.gateway);
      }
    }
  }
  return out;
}

// A namespace has one owner: neither the host, whose routes would be replaced, nor another sandbox.
Result<void> SandboxNetwork::check_adoptable(const Sandbox& sandbox) const {
  const auto cookie_of = [](const fs::path& file) -> Result<std::uint64_t> {
    const UniqueFd netns = TRY(netlink::open_netns(file));
    return netlink::netns_cookie(netns.get());
  };
  const std::string& path = sandbox.config.netns_path;
  const std::uint64_t wanted = TRY(cookie_of(path));
  if (wanted == TRY(cookie_of("/proc/self/ns/net"))) {
    return Failure(Error{ErrorCode::invalid, 0,
                         fmt::format("'{}' is the host's own network namespace", path),
                         "a sandbox in it is made with --network host; links below /proc/self "
                         "are the daemon's"});
  }
  std::map<std::string, std::string> others; // by id
  {
    const auto lock = context_.registry.lock();
    for (const auto& [id, other] : context_.registry.sandboxes) {
      if (id != sandbox.id && owns_namespace(*other)) {
        others[id] = other->name;
      }
    }
  }
  for (const auto& [id, name] : others) {
    const auto theirs = cookie_of(context_.netns_path(id));
    if (theirs && *theirs == wanted) {
      return fail(ErrorCode::conflict, "the network namespace '{}' belongs to sandbox '{}'", path,
                  name);
    }
  }
  return {};
}

Result<void> SandboxNetwork::open_namespace(const Sandbox& sandbox) {
  const fs::path file = context_.netns_path(sandbox.id);
  if (netlink::open_netns(file)) {
    return {};
  }
  TRY_VOID(netlink::remove_netns(file));
  // Somebody took the file away, and the sandbox's process still holds the namespace.
  const auto state =
      shim::read_state(context_.run_path(sandbox.id), context_.state_path(sandbox.id));
  if (state && state->pid != 0) {
    return netlink::adopt_netns(fmt::format("/proc/{}/ns/net", state->pid), file);
  }
  if (!sandbox.config.netns_path.empty()) {
    TRY_VOID(check_adoptable(sandbox));
    return netlink::adopt_netns(sandbox.config.netns_path, file);
  }
  TRY_VOID(netlink::create_netns(file));
  return {};
}

Result<void> SandboxNetwork::build(Sandbox& sandbox) {
  for (const fs::path& directory :
       {context_.run_path(sandbox.id), context_.state_path(sandbox.id)}) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) {
      return Failure(Error{ErrorCode::internal, error.value(),
                           fmt::format("create '{}': {}", directory.string(), error.message()),
                           error == std::errc::no_space_on_device
                               ? "free space on that file system"
                               : "the directory above must be writable by the daemon"});
    }
  }
  if (!owns_namespace(sandbox)) {
    return {};
  }
  TRY_VOID(open_namespace(sandbox));
  const UniqueFd netns = TRY(netlink::open_netns(context_.netns_path(sandbox.id)));
  for (const auto& [endpoint, network] : attachments(sandbox, false)) {
    const Driver* driver = TRY(find_driver(network->driver));
    TRY_VOID(driver->join(context_, *network, sandbox, *endpoint, netns.get()));
    const auto lock = context_.registry.lock();
    endpoint->connected = true;
  }
  return refresh(sandbox);
}

Result<void> SandboxNetwork::destroy(Sandbox& sandbox) {
  withdraw(sandbox);
  stop_dns(sandbox.id);
  auto first = publisher_.release(sandbox.id);
  for (const auto& [endpoint, network] : attachments(sandbox, false)) {
    if (const auto driver = find_driver(network->driver)) {
      keep_first(first, (*driver)->leave(context_, *network, *endpoint));
    }
    const auto lock = context_.registry.lock();
    endpoint->connected = false;
  }
  if (owns_namespace(sandbox)) {
    if (!sandbox.config.netns_path.empty()) { // else lo goes with the namespace, in bulk
      keep_first(first, leave_loopback(sandbox));
    }
    keep_first(first, netlink::remove_netns(context_.netns_path(sandbox.id)));
  }
  std::error_code error;
  fs::remove_all(context_.run_path(sandbox.id), error);
  fs::remove_all(context_.state_path(sandbox.id), error);
  return first;
}

Result<void> SandboxNetwork::connect(Sandbox& sandbox, const std::shared_ptr<Endpoint>& endpoint) {
  std::shared_ptr<Network> network;
  {
    const auto lock = context_.registry.lock();
    network = context_.registry.network(endpoint->network_id);
  }
  const Driver* driver = TRY(find_driver(network->driver));
  const UniqueFd netns = TRY(netlink::open_netns(context_.netns_path(sandbox.id)));
  TRY_VOID(driver->join(context_, *network, sandbox, *endpoint, netns.get()));
  {
    const auto lock = context_.registry.lock();
    endpoint->connected = true;
  }
  return refresh(sandbox);
}

Result<void> SandboxNetwork::disconnect(Sandbox& sandbox,
                                        const std::shared_ptr<Endpoint>& endpoint) {
  context_.names.remove(endpoint->id);
  std::shared_ptr<Network> network;
  {
    const auto lock = context_.registry.lock();
    endpoint->connected = false;
    network = context_.registry.network(endpoint->network_id);
  }
  const Driver* driver = TRY(find_driver(network->driver));
  auto first = driver->leave(context_, *network, *endpoint);
  keep_first(first, refresh(sandbox));
  return first;
}

Result<void> SandboxNetwork::refresh(Sandbox& sandbox) {
  SandboxFacts known = facts(sandbox);
  TRY_VOID(lead_outside(sandbox, known));
  auto view = TRY(write_files(context_, sandbox, known));
  return serve_dns(sandbox, std::move(view));
}

// Default routes and published ports go by the gateway endpoint of each family.
Result<void> SandboxNetwork::lead_outside(const Sandbox& sandbox, SandboxFacts& facts) {
  const auto connected = attachments(sandbox, true);
  std::vector<DefaultRoute> routes;
  Servers servers;
  for (const Family family : kFamilies) {
    const Attachment gateway = choose_gateway(connected, family);
    const IpAddress none = family == Family::v4 ? IpAddress::from_v4(0) : IpAddress();
    if (gateway.endpoint) {
      routes.push_back({IpPrefix::of(none, 0), gateway_address(*gateway.network, family),
                        gateway.endpoint->ifname});
      (family == Family::v4 ? servers.ipv4 : servers.ipv6) = gateway.endpoint->slot;
    } else if (sandbox.config.netns_path.empty()) { // an adopted one keeps its owner's
      routes.push_back({IpPrefix::of(none, 0), {}, {}});
    }
  }
  const UniqueFd netns = TRY(netlink::open_netns(context_.netns_path(sandbox.id)));
  TRY_VOID(netlink::in_netns(netns.get(), [&]() -> Result<void> {
    auto socket = TRY(netlink::Socket::open());
    for (const DefaultRoute& route : routes) {
      TRY_VOID(replace_default_route(socket, route));
    }
    facts.ipv6_loopback = has_ipv6_loopback();
    return {};
  }));
  return publisher_.serve(sandbox.id, servers);
}

Result<void> SandboxNetwork::serve_dns(const Sandbox& sandbox, dns::SandboxView view) {
  if (view.networks.empty()) {
    stop_dns(sandbox.id);
    return leave_loopback(sandbox);
  }
  if (serves_dns(sandbox.id)) {
    context_.dns.update_sandbox(sandbox.id, std::move(view));
    return {};
  }
  const fs::path file = context_.netns_path(sandbox.id);
  const UniqueFd netns = TRY(netlink::open_netns(file));
  DnsSockets sockets = TRY(netlink::in_netns(netns.get(), [&]() -> Result<DnsSockets> {
    TRY_VOID(context_.plane.attach_loopback(sandbox.id));
    return open_dns_sockets();
  }));
  dns::SandboxDns served;
  served.id = sandbox.id;
  served.udp = std::move(sockets.udp);
  served.tcp = std::move(sockets.tcp);
  served.view = std::move(view);
  served.open_socket_inside = [file](int domain, int type) -> Result<UniqueFd> {
    const UniqueFd inside = TRY(netlink::open_netns(file));
    return netlink::open_socket_in(inside.get(), domain, type, 0);
  };
  TRY_VOID(context_.dns.add_sandbox(std::move(served)));
  const std::scoped_lock lock(mutex_);
  with_dns_.insert(sandbox.id);
  return {};
}

bool SandboxNetwork::serves_dns(const std::string& sandbox_id) const {
  const std::scoped_lock lock(mutex_);
  return with_dns_.contains(sandbox_id);
}

std::size_t SandboxNetwork::dns_count() const {
  const std::scoped_lock lock(mutex_);
  return with_dns_.size();
}

// An adopted namespace lives on and gets its lo back as it was.
Result<void> SandboxNetwork::leave_loopback(const Sandbox& sandbox) {
  const auto netns = netlink::open_netns(context_.netns_path(sandbox.id));
  return netns ? netlink::in_netns(netns->get(), loader::DataPlane::detach_loopback)
               : Result<void>();
}

void SandboxNetwork::stop_dns(const std::string& sandbox_id) {
  const std::scoped_lock lock(mutex_);
  if (with_dns_.erase(sandbox_id) != 0) {
    context_.dns.remove_sandbox(sandbox_id);
  }
}

void SandboxNetwork::announce(const Sandbox& sandbox) {
  for (const auto& [endpoint, network] : attachments(sandbox, true)) {
    if (network->predefined) {
      continue;
    }
    services::EndpointRecord record;
    record.endpoint_id = endpoint->id;
    record.network_id = network->id;
    record.network_name = network->name;
    record.names = {sandbox.name};
    record.names.insert(record.names.end(), endpoint->aliases.begin(), endpoint->aliases.end());
    record.names.push_back(sandbox.id.substr(0, 12));
    record.names.push_back(sandbox.hostname);
    const auto address = [&](Family family) {
      const IpAddress& held = endpoint->address(family);
      return held.is_unspecified() ? std::nullopt : std::optional(held);
    };
    record.ipv4 = address(Family::v4);
    record.ipv6 = address(Family::v6);
    context_.names.put(std::move(record));
  }
}

void SandboxNetwork::withdraw(const Sandbox& sandbox) {
  for (const auto& [endpoint, network] : attachments(sandbox, false)) {
    context_.names.remove(endpoint->id);
  }
}

} // namespace ebpfnet::network
