#include "daemon/ipam/plan.hpp"

#include <algorithm>

#include "daemon/ipam/pools.hpp"

namespace ebpfnet::ipam {

namespace {

// "invalid network config:\n..." as Docker begins every refusal of a subnet's form.
Failure invalid_config(std::string_view what) {
  return fail(ErrorCode::invalid, "invalid network config:\n{}", what);
}

bool is_enabled(const PlanRequest& request, Family family) {
  return family == Family::v4 ? request.enable_ipv4 : request.enable_ipv6;
}

// First and last address cannot be an interface's: network and broadcast address of IPv4 (RFC 919,
// but for /31 of RFC 3021), subnet-router anycast address of IPv6 (RFC 4291 2.6.1, but for /127 of
// RFC 6164).
bool is_usable(const IpPrefix& subnet, const IpAddress& address) {
  const unsigned host_bits = (subnet.is_v4() ? 32 : 128) - subnet.length();
  return host_bits <= 1 ||
         (address != subnet.address() && (!subnet.is_v4() || address != subnet.last()));
}

std::vector<IpPrefix> everything_taken(const PlanRequest& request) {
  std::vector<IpPrefix> taken = request.host_routes;
  taken.insert(taken.end(), request.avoid.begin(), request.avoid.end());
  taken.insert(taken.end(), request.own_pools_in_use.begin(), request.own_pools_in_use.end());
  return taken;
}

// A wider route of the host (a VPN to 10.0.0.0/8) stays in use for the rest of it; one that leads
// to the subnet itself or into a part of it would take packets away from the network.
Result<void> refuse_host_routes(const IpPrefix& subnet, const PlanRequest& request) {
  for (const IpPrefix& route : request.host_routes) {
    const bool ours = std::ranges::any_of(
        request.own_pools_in_use, [&](const IpPrefix& pool) { return pool.contains(route); });
    if (route.length() > 0 && !ours && subnet.contains(route)) {
      return Failure(Error{ErrorCode::conflict, 0,
                           fmt::format("subnet {} overlaps with route {} of the host",
                                       subnet.to_string(), route.to_string()),
                           "choose another --subnet, or remove the route"});
    }
  }
  return {};
}

Result<IpPrefix> user_subnet(const std::string& text, const PlanRequest& request) {
  auto subnet = IpPrefix::from(text);
  if (!subnet) {
    return invalid_config(subnet.error().message);
  }
  if (subnet->length() == 0) {
    return invalid_config(fmt::format("invalid subnet {}: it is the whole address space", text));
  }
  if (subnet->address().is_unspecified()) {
    return choose_subnet(!subnet->is_v4(), subnet->length(), request.ula_seed,
                         everything_taken(request));
  }
  if (subnet->address().is_loopback() || subnet->address().is_multicast()) {
    return invalid_config(fmt::format("invalid subnet {}: it is not a unicast network", text));
  }
  if (IpPrefix::of(TRY(IpAddress::from("fe80::")), 10).overlaps(*subnet)) {
    return invalid_config(fmt::format(
        "invalid subnet {}: link-local addresses are every interface's own, not a network's",
        text));
  }
  TRY_VOID(refuse_host_routes(*subnet, request));
  return subnet;
}

// `what` is Docker's word for the option: range, gateway, aux-address.
Result<IpAddress> address_in(const IpPrefix& subnet, std::string_view what,
                             const std::string& text) {
  auto address = IpAddress::from(text);
  if (!address) {
    return invalid_config(fmt::format("invalid {}: {}", what, address.error().message));
  }
  if (!subnet.contains(*address)) {
    return fail(ErrorCode::invalid, "no matching subnet for {} {}", what, text);
  }
  return *address;
}

Result<IpPrefix> range_in(const IpPrefix& subnet, const std::string& text) {
  if (text.empty()) {
    return subnet;
  }
  auto range = IpPrefix::from(text);
  if (!range) {
    std::string message = range.error().message;
    if (const std::string word = "invalid subnet "; message.starts_with(word)) {
      message.replace(0, word.size(), "invalid ip-range ");
    }
    return invalid_config(message);
  }
  if (!subnet.contains(*range)) {
    return fail(ErrorCode::invalid, "no matching subnet for range {}", text);
  }
  return *range;
}

Result<std::map<std::string, IpAddress>> aux_in(const IpPrefix& subnet,
                                                const SubnetRequest& wanted) {
  std::map<std::string, IpAddress> aux;
  for (const auto& [name, text] : wanted.aux) {
    const IpAddress address = TRY(address_in(subnet, "aux-address", text));
    for (const auto& [other, used] : aux) {
      if (used == address) {
        return fail(ErrorCode::invalid, "aux-address {} is given twice, as '{}' and '{}'", text,
                    other, name);
      }
    }
    aux.emplace(name, address);
  }
  return aux;
}

bool is_aux(const SubnetPlan& plan, const IpAddress& address) {
  return std::ranges::any_of(plan.aux, [&](const auto& entry) { return entry.second == address; });
}

// The lowest address that an interface may have and no auxiliary name holds.
std::optional<IpAddress> first_usable(const SubnetPlan& plan) {
  IpAddress address = plan.subnet.address();
  while (plan.subnet.contains(address)) {
    if (is_usable(plan.subnet, address) && !is_aux(plan, address)) {
      return address;
    }
    if (address == plan.subnet.last()) {
      break;
    }
    address = address.plus(1);
  }
  return std::nullopt;
}

Result<std::optional<IpAddress>> gateway_of(const SubnetPlan& plan, const std::string& text,
                                            const PlanRequest& request) {
  if (!text.empty()) {
    const IpAddress address = TRY(address_in(plan.subnet, "gateway", text));
    if (!is_usable(plan.subnet, address)) {
      return invalid_config(fmt::format("invalid gateway {}: subnet {} reserves this address", text,
                                        plan.subnet.to_string()));
    }
    if (is_aux(plan, address)) {
      return fail(ErrorCode::invalid, "gateway {}: Address already in use as an aux-address", text);
    }
    return std::optional(address);
  }
  if (request.internal && !request.gateway_required) {
    return std::optional<IpAddress>();
  }
  const bool single = plan.subnet.size() == 1;
  auto chosen = single ? std::nullopt : first_usable(plan);
  if (!chosen && (request.gateway_required || !single)) {
    return fail(ErrorCode::invalid, "subnet {} has no address left for a gateway",
                plan.subnet.to_string());
  }
  return chosen;
}

// `family`: of a subnet that nobody named.
Result<SubnetPlan> plan_subnet(const SubnetRequest& wanted, Family family,
                               const PlanRequest& request) {
  SubnetPlan plan;
  if (wanted.subnet.empty() && !(wanted.ip_range.empty() && wanted.gateway.empty())) {
    return fail(ErrorCode::invalid, "every ip-range or gateway must have a corresponding subnet");
  }
  if (wanted.subnet.empty() && !wanted.aux.empty()) {
    return fail(ErrorCode::invalid, "no matching subnet for aux-address {}",
                wanted.aux.begin()->second);
  }
  plan.subnet =
      TRY(wanted.subnet.empty() ? choose_subnet(family == Family::v6, std::nullopt,
                                                request.ula_seed, everything_taken(request))
                                : user_subnet(wanted.subnet, request));
  plan.range = TRY(range_in(plan.subnet, wanted.ip_range));
  plan.aux = TRY(aux_in(plan.subnet, wanted));
  plan.gateway = TRY(gateway_of(plan, wanted.gateway, request));
  plan.overlapping = std::ranges::any_of(
      request.own_pools_in_use, [&](const IpPrefix& pool) { return pool.overlaps(plan.subnet); });
  return plan;
}

Result<void> refuse_disabled(const SubnetPlan& plan, const PlanRequest& request) {
  const Family family = plan.family();
  if (is_enabled(request, family)) {
    return {};
  }
  return Failure(
      Error{ErrorCode::invalid, 0,
            fmt::format("subnet {} needs {}, which is off for this network",
                        plan.subnet.to_string(), name_of(family)),
            family == Family::v6 ? "create the network with --ipv6" : "leave out --ipv4=false"});
}

Result<void> refuse_second(const SubnetPlan& plan, const SubnetPlan* earlier) {
  if (earlier == nullptr) {
    return {};
  }
  if (earlier->subnet.overlaps(plan.subnet)) {
    return fail(ErrorCode::invalid, "multiple overlapping subnet configuration is not supported");
  }
  return fail(ErrorCode::invalid,
              "a bridge network has one subnet per address family, not {} and {}",
              earlier->subnet.to_string(), plan.subnet.to_string());
}

} // namespace

const SubnetPlan* NetworkPlan::find(Family family) const {
  const auto found = std::ranges::find(subnets, family, &SubnetPlan::family);
  return found == subnets.end() ? nullptr : &*found;
}

Result<NetworkPlan> plan_network(const PlanRequest& request) {
  if (!request.enable_ipv4 && !request.enable_ipv6) {
    return Failure(Error{ErrorCode::invalid, 0, "IPv4 or IPv6 must be enabled",
                         "add --ipv6, or leave out --ipv4=false"});
  }
  const Family first = request.enable_ipv4 ? Family::v4 : Family::v6;
  NetworkPlan network;
  for (const SubnetRequest& wanted : request.subnets) {
    SubnetPlan plan = TRY(plan_subnet(wanted, first, request));
    TRY_VOID(refuse_disabled(plan, request));
    TRY_VOID(refuse_second(plan, network.find(plan.family())));
    network.subnets.push_back(std::move(plan));
  }
  for (const Family family : kFamilies) {
    if (is_enabled(request, family) && network.find(family) == nullptr) {
      network.subnets.push_back(TRY(plan_subnet({}, family, request)));
    }
  }
  std::ranges::sort(network.subnets, {}, &SubnetPlan::family);
  return network;
}

} // namespace ebpfnet::ipam
