#include "daemon/network/views.hpp"

#include <algorithm>

#include "daemon/network/gateway.hpp"

namespace ebpfnet::network {
namespace {

std::string_view state_text(const Sandbox& sandbox) {
  if (sandbox.restarting) {
    return "restarting";
  }
  return name_of(sandbox.state);
}

Json ipam_view(const Network& network) {
  Json configs = Json::array();
  for (const auto& plan : network.plan.subnets) {
    Json config{{"Subnet", plan.subnet.to_string()}};
    if (plan.range != plan.subnet) {
      config["IPRange"] = plan.range.to_string();
    }
    if (plan.gateway) {
      config["Gateway"] = plan.gateway->to_string();
    }
    for (const auto& [name, address] : plan.aux) {
      config["AuxiliaryAddresses"][name] = address.to_string();
    }
    configs.push_back(config);
  }
  return {{"Driver", "default"}, {"Options", Json::object()}, {"Config", configs}};
}

// Empty: none.
std::string address_text(const IpAddress& address) {
  return address.is_unspecified() ? "" : address.to_string();
}

// 0: the endpoint has no address of that family.
unsigned prefix_length(const Network& network, Family family) {
  const auto* plan = network.plan.find(family);
  return plan == nullptr ? 0 : plan->subnet.length();
}

// ADDRESS/LENGTH, or nothing.
std::string interface_text(const Network& network, const Endpoint& endpoint, Family family) {
  const IpAddress& address = endpoint.address(family);
  return address.is_unspecified()
             ? ""
             : fmt::format("{}/{}", address.to_string(), prefix_length(network, family));
}

// Docker's endpoint object.
Json endpoint_view(const Network& network, const Sandbox& sandbox, const Endpoint& endpoint) {
  Json names = Json::array({sandbox.name});
  for (const auto& alias : endpoint.aliases) {
    names.push_back(alias);
  }
  names.push_back(sandbox.id.substr(0, 12));
  return {{"NetworkID", network.id},
          {"EndpointID", endpoint.id},
          {"Gateway", address_text(gateway_address(network, Family::v4))},
          {"IPAddress", address_text(endpoint.ipv4)},
          {"IPPrefixLen", prefix_length(network, Family::v4)},
          {"IPv6Gateway", address_text(gateway_address(network, Family::v6))},
          {"GlobalIPv6Address", address_text(endpoint.ipv6)},
          {"GlobalIPv6PrefixLen", prefix_length(network, Family::v6)},
          {"MacAddress", endpoint.mac.to_string()},
          {"Aliases", endpoint.aliases},
          {"DNSNames", names},
          {"GwPriority", endpoint.gw_priority},
          {"InterfaceName", endpoint.ifname}};
}

// Where a range answers: the given address, or every one. A sandbox with nothing but IPv6 has no
// ports of IPv4, as in Docker.
std::vector<std::string> hosts_of(const Sandbox& sandbox, const api::PortSpec& spec) {
  if (!spec.host_ip.empty()) {
    return {spec.host_ip};
  }
  const bool ipv6_only = !sandbox.endpoints.empty() &&
                         std::ranges::all_of(sandbox.endpoints, [](const auto& endpoint) {
                           return endpoint->ipv4.is_unspecified();
                         });
  return ipv6_only ? std::vector<std::string>{"::"} : std::vector<std::string>{"0.0.0.0", "::"};
}

// {"5000/tcp": [{"HostIp", "HostPort"}, ...]}, a row per port as in Docker.
Json ports_view(const Sandbox& sandbox) {
  Json out = Json::object();
  for (const auto& spec : sandbox.ports) {
    for (std::uint32_t offset = 0; offset <= static_cast<std::uint32_t>(spec.last - spec.first);
         ++offset) {
      Json& row = out[fmt::format("{}/{}", spec.first + offset, spec.protocol)];
      for (const std::string& host : hosts_of(sandbox, spec)) {
        row.push_back({{"HostIp", host}, {"HostPort", std::to_string(spec.host_first + offset)}});
      }
    }
  }
  return out;
}

std::string range(std::uint16_t first, std::uint16_t last) {
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

std::string ports_text(const Sandbox& sandbox) {
  std::string out;
  for (const auto& spec : sandbox.ports) {
    const std::string target = fmt::format("{}->{}/{}", range(spec.host_first, spec.host_last),
                                           range(spec.first, spec.last), spec.protocol);
    for (const std::string& host : hosts_of(sandbox, spec)) {
      const bool ipv6 = host.find(':') != std::string::npos;
      out += out.empty() ? "" : ", ";
      out += fmt::format("{}:{}", ipv6 ? "[" + host + "]" : host, target);
    }
  }
  return out;
}

using Values = std::vector<std::string>;

bool any_of(const Values& values, auto predicate) {
  return std::ranges::any_of(values, predicate);
}

// "key" or "key=value".
bool label_matches(const api::StringMap& labels, const std::string& wanted) {
  const auto equals = wanted.find('=');
  const auto found = labels.find(wanted.substr(0, equals));
  return found != labels.end() &&
         (equals == std::string::npos || found->second == wanted.substr(equals + 1));
}

Failure unknown_filter(const std::string& key) {
  return fail(ErrorCode::invalid, "invalid filter '{}'", key);
}

Json networks_of(const Registry& registry, const Sandbox& sandbox) {
  Json names = Json::array();
  for (const auto& endpoint : sandbox.endpoints) {
    if (const auto network = registry.network(endpoint->network_id)) {
      names.push_back(network->name);
    }
  }
  if (names.empty() && !sandbox.config.network_mode.empty()) {
    names.push_back(sandbox.config.network_mode);
  }
  return names;
}

} // namespace

Json network_view(const Registry& registry, const Network& network) {
  Json containers = Json::object();
  for (const auto& endpoint : registry.endpoints_of(network.id)) {
    const auto sandbox = registry.sandbox(endpoint->sandbox_id);
    if (!sandbox || !sandbox->ready) {
      continue;
    }
    containers[sandbox->id] = {{"Name", sandbox->name},
                               {"EndpointID", endpoint->id},
                               {"MacAddress", endpoint->mac.to_string()},
                               {"IPv4Address", interface_text(network, *endpoint, Family::v4)},
                               {"IPv6Address", interface_text(network, *endpoint, Family::v6)}};
  }
  const bool ipv6 = network.plan.find(Family::v6) != nullptr;
  return {{"Name", network.name},
          {"Id", network.id},
          {"Created", network.created},
          {"Scope", "local"},
          {"Driver", network.driver},
          {"EnableIPv4", !ipv6 || network.plan.find(Family::v4) != nullptr},
          {"EnableIPv6", ipv6},
          {"IPAM", ipam_view(network)},
          {"Internal", network.internal},
          {"Attachable", network.attachable},
          {"Ingress", false},
          {"ConfigFrom", {{"Network", ""}}},
          {"ConfigOnly", false},
          {"Containers", containers},
          {"Options", network.options},
          {"Labels", network.labels}};
}

Json sandbox_view(const Registry& registry, const Sandbox& sandbox, const std::string& netns_file) {
  Json networks = Json::object();
  for (const auto& endpoint : sandbox.endpoints) {
    if (const auto network = registry.network(endpoint->network_id)) {
      networks[network->name] = endpoint_view(*network, sandbox, *endpoint);
    }
  }
  const bool running = sandbox.state == SandboxState::running;
  const auto& process = sandbox.config.process;
  return {{"Id", sandbox.id},
          {"Name", sandbox.name},
          {"Created", sandbox.created},
          {"RestartCount", sandbox.restart_count},
          {"State",
           {{"Status", state_text(sandbox)},
            {"Running", running},
            {"Pid", running ? sandbox.pid : 0},
            {"ExitCode", sandbox.exit_code},
            {"StartedAt", sandbox.started_at},
            {"FinishedAt", sandbox.finished_at}}},
          {"Config",
           {{"Hostname", sandbox.hostname},
            {"Env", process ? Json(process->env) : Json::array()},
            {"Labels", sandbox.config.labels},
            {"Cmd", process ? Json(process->command) : Json::array()},
            {"User", process ? process->user : ""},
            {"WorkingDir", process ? process->workdir : ""}}},
          {"HostConfig",
           {{"NetworkMode", sandbox.config.network_mode},
            {"AutoRemove", sandbox.config.auto_remove},
            {"Dns", sandbox.config.dns},
            {"DnsSearch", sandbox.config.dns_search},
            {"DnsOptions", sandbox.config.dns_options},
            {"ExtraHosts", sandbox.config.extra_hosts},
            {"Privileged", process && process->privileged},
            {"CapAdd", process ? Json(process->cap_add) : Json::array()},
            {"RestartPolicy",
             {{"Name", sandbox.config.restart.name},
              {"MaximumRetryCount", sandbox.config.restart.max_retries}}}}},
          {"NetworkSettings",
           {{"SandboxID", sandbox.id},
            {"SandboxKey", netns_file},
            {"Ports", ports_view(sandbox)},
            {"Networks", networks}}}};
}

std::string status_text(const Sandbox& sandbox) {
  if (sandbox.restarting) {
    return fmt::format("Restarting ({})", sandbox.exit_code);
  }
  switch (sandbox.state) {
  case SandboxState::running:
    return "Running";
  case SandboxState::exited:
    return fmt::format("Exited ({})", sandbox.exit_code);
  case SandboxState::created:
    break;
  }
  return "Created";
}

Json sandbox_summary(const Registry& registry, const Sandbox& sandbox) {
  return {{"Id", sandbox.id},
          {"Name", sandbox.name},
          {"Created", sandbox.created},
          {"State", state_text(sandbox)},
          {"Status", status_text(sandbox)},
          {"Pid", sandbox.state == SandboxState::running ? sandbox.pid : 0},
          {"Networks", networks_of(registry, sandbox)},
          {"Ports", ports_text(sandbox)},
          {"Labels", sandbox.config.labels}};
}

Result<bool> matches(const Network& network, const server::Filters& filters) {
  bool all = true;
  for (const auto& [key, values] : filters) {
    bool one = false;
    if (key == "name") {
      one =
          any_of(values, [&](const auto& v) { return network.name.find(v) != std::string::npos; });
    } else if (key == "id") {
      one = any_of(values, [&](const auto& v) { return network.id.starts_with(v); });
    } else if (key == "driver") {
      one = any_of(values, [&](const auto& v) { return network.driver == v; });
    } else if (key == "scope") {
      one = any_of(values, [](const auto& v) { return v == "local"; });
    } else if (key == "type") {
      one = any_of(values,
                   [&](const auto& v) { return v == (network.predefined ? "builtin" : "custom"); });
    } else if (key == "label") {
      one = std::ranges::all_of(values,
                                [&](const auto& v) { return label_matches(network.labels, v); });
    } else {
      return unknown_filter(key);
    }
    all = all && one;
  }
  return all;
}

Result<bool> matches(const Registry& registry, const Sandbox& sandbox,
                     const server::Filters& filters) {
  bool all = true;
  for (const auto& [key, values] : filters) {
    bool one = false;
    if (key == "name") {
      one =
          any_of(values, [&](const auto& v) { return sandbox.name.find(v) != std::string::npos; });
    } else if (key == "id") {
      one = any_of(values, [&](const auto& v) { return sandbox.id.starts_with(v); });
    } else if (key == "status") {
      one = any_of(values, [&](const auto& v) { return v == state_text(sandbox); });
    } else if (key == "network") {
      const Json names = networks_of(registry, sandbox);
      one = any_of(values,
                   [&](const auto& v) { return std::ranges::find(names, Json(v)) != names.end(); });
    } else if (key == "label") {
      one = std::ranges::all_of(
          values, [&](const auto& v) { return label_matches(sandbox.config.labels, v); });
    } else {
      return unknown_filter(key);
    }
    all = all && one;
  }
  return all;
}

} // namespace ebpfnet::network
