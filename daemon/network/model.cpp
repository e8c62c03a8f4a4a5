#include <algorithm>
#include <concepts>
#include <ctime>
#include <limits>
#include <ranges>
#include <utility>

#include "daemon/api/json.hpp"
#include "daemon/network/model.hpp"

namespace ebpfnet::network {
namespace {

Json subnet_to_json(const ipam::SubnetPlan& plan) {
  Json aux = Json::object();
  for (const auto& [name, address] : plan.aux) {
    aux[name] = address.to_string();
  }
  return {{"subnet", plan.subnet.to_string()},
          {"range", plan.range.to_string()},
          {"gateway", plan.gateway ? plan.gateway->to_string() : ""},
          {"aux", aux},
          {"overlapping", plan.overlapping}};
}

// The allocator believes it.
Result<void> check_inside(const ipam::SubnetPlan& plan) {
  const auto foreign = [&](const IpAddress& address) { return !plan.subnet.contains(address); };
  const bool aux_foreign = std::ranges::any_of(std::views::values(plan.aux), foreign);
  if (!plan.subnet.contains(plan.range) || aux_foreign ||
      (plan.gateway && foreign(*plan.gateway))) {
    return fail(ErrorCode::internal, "subnet {} has a range or an address outside of it",
                plan.subnet.to_string());
  }
  return {};
}

// `overlapping` stood in the document itself when there was one family.
Result<ipam::SubnetPlan> subnet_from_json(const Json& json, bool overlapping) {
  ipam::SubnetPlan plan;
  plan.subnet = TRY(IpPrefix::from(json.value("subnet", "")));
  plan.range = TRY(IpPrefix::from(json.value("range", "")));
  const std::string gateway = json.value("gateway", "");
  if (!gateway.empty()) {
    plan.gateway = TRY(IpAddress::from(gateway));
  }
  const Json aux = json.value("aux", Json::object()); // items() does not keep it alive
  for (const auto& [name, address] : aux.items()) {
    plan.aux[name] = TRY(IpAddress::from(address.get<std::string>()));
  }
  plan.overlapping = json.value("overlapping", overlapping);
  TRY_VOID(check_inside(plan));
  return plan;
}

Json spec_to_json(const api::PortSpec& spec) {
  return spec.to_string();
}

constexpr std::string_view kStates[] = {"created", "running", "exited"};

SandboxState state_from(const std::string& text) {
  return text == "running"  ? SandboxState::running
         : text == "exited" ? SandboxState::exited
                            : SandboxState::created;
}

// A number of the document, which may hold any number that JSON can spell.
template <std::integral Int> Result<Int> integer(const Json& document, const char* key) {
  const Json& value = document.at(key);
  const bool fits = value.is_number_unsigned() ? std::in_range<Int>(value.get<std::uint64_t>())
                                               : value.is_number_integer() &&
                                                     std::in_range<Int>(value.get<std::int64_t>());
  if (!fits) {
    return fail(ErrorCode::internal, "'{}' is {}, not a whole number of {}..{}", key, value.dump(),
                std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max());
  }
  return value.get<Int>();
}

// A document of our own that does not have the expected types was written by somebody else.
template <class Read>
auto guarded(const std::string& id, std::string_view kind, Read read) -> decltype(read()) {
  const auto phrase = [&] { return fmt::format("the record of {} {} cannot be read", kind, id); };
  try {
    auto result = read();
    return result ? std::move(result) : Failure(std::move(result).error().wrap(phrase()));
  } catch (const Json::exception& error) {
    return fail(ErrorCode::internal, "{}: {}", phrase(), error.what());
  }
}

constexpr const char* kNoAddress = "::";

std::string last_given(const Network& network, Family family) {
  return (network.allocator ? network.allocator->cursor(family) : IpAddress()).to_string();
}

} // namespace

std::string_view name_of(SandboxState state) {
  return kStates[static_cast<int>(state)];
}

Json to_document(const Network& network) {
  Json subnets = Json::array();
  for (const auto& plan : network.plan.subnets) {
    subnets.push_back(subnet_to_json(plan));
  }
  return {{"name", network.name},
          {"driver", network.driver},
          {"created", network.created},
          {"internal", network.internal},
          {"attachable", network.attachable},
          {"predefined", network.predefined},
          {"options", network.options},
          {"labels", network.labels},
          {"subnets", subnets},
          {"index", network.index.value},
          {"bridge", network.bridge},
          {"bridge_mac", network.bridge_mac.to_string()},
          {"mtu", network.mtu},
          {"last_ipv4", last_given(network, Family::v4)},
          {"last_ipv6", last_given(network, Family::v6)}};
}

Json to_document(const Endpoint& endpoint) {
  return {{"network", endpoint.network_id},     {"sandbox", endpoint.sandbox_id},
          {"ifname", endpoint.ifname},          {"slot", endpoint.slot.value},
          {"ipv4", endpoint.ipv4.to_string()},  {"ipv6", endpoint.ipv6.to_string()},
          {"mac", endpoint.mac.to_string()},    {"aliases", endpoint.aliases},
          {"gw_priority", endpoint.gw_priority}};
}

Json to_document(const Sandbox& sandbox) {
  Json ports = Json::array();
  for (const auto& spec : sandbox.ports) {
    ports.push_back(spec_to_json(spec));
  }
  Json endpoints = Json::array();
  for (const auto& endpoint : sandbox.endpoints) {
    endpoints.push_back(endpoint->id);
  }
  return {{"name", sandbox.name},
          {"created", sandbox.created},
          {"index", sandbox.index.value},
          {"config", api::to_json(sandbox.config)},
          {"hostname", sandbox.hostname},
          {"shares_with", sandbox.shares_with},
          {"state", name_of(sandbox.state)},
          {"exit_code", sandbox.exit_code},
          {"restart_count", sandbox.restart_count},
          {"stopped_by_user", sandbox.stopped_by_user},
          {"started_at", sandbox.started_at},
          {"finished_at", sandbox.finished_at},
          {"ports", ports},
          {"endpoints", endpoints},
          {"next_ifname", sandbox.next_ifname}};
}

Result<std::shared_ptr<Network>> network_from_document(const std::string& id,
                                                       const Json& document) {
  return guarded(id, "network", [&]() -> Result<std::shared_ptr<Network>> {
    auto out = std::make_shared<Network>();
    out->id = id;
    out->name = document.at("name");
    out->driver = document.at("driver");
    out->created = document.at("created");
    out->internal = document.at("internal");
    out->attachable = document.at("attachable");
    out->predefined = document.at("predefined");
    out->options = document.at("options").get<api::StringMap>();
    out->labels = document.at("labels").get<api::StringMap>();
    for (const Json& subnet : document.at("subnets")) {
      out->plan.subnets.push_back(
          TRY(subnet_from_json(subnet, document.value("overlapping", false))));
    }
    out->index = NetworkIndex(TRY(integer<std::uint32_t>(document, "index")));
    out->bridge = document.at("bridge");
    if (!out->bridge.empty()) {
      out->bridge_mac = TRY(Mac::from(document.at("bridge_mac").get<std::string>()));
    }
    out->mtu = TRY(integer<std::uint32_t>(document, "mtu"));
    out->allocator = std::make_unique<ipam::Allocator>(out->plan);
    for (const char* key : {"last_ipv4", "last_ipv6"}) {
      out->allocator->restore_cursor(TRY(IpAddress::from(document.value(key, kNoAddress))));
    }
    return out;
  });
}

Result<std::shared_ptr<Endpoint>> endpoint_from_document(const std::string& id,
                                                         const Json& document) {
  return guarded(id, "endpoint", [&]() -> Result<std::shared_ptr<Endpoint>> {
    auto out = std::make_shared<Endpoint>();
    out->id = id;
    out->network_id = document.at("network");
    out->sandbox_id = document.at("sandbox");
    out->ifname = document.at("ifname");
    out->slot = Slot(TRY(integer<std::uint32_t>(document, "slot")));
    out->ipv4 = TRY(IpAddress::from(document.at("ipv4").get<std::string>()));
    out->ipv6 = TRY(IpAddress::from(document.value("ipv6", kNoAddress)));
    out->mac = TRY(Mac::from(document.at("mac").get<std::string>()));
    out->aliases = document.at("aliases").get<std::vector<std::string>>();
    out->gw_priority = TRY(integer<int>(document, "gw_priority"));
    return out;
  });
}

Result<std::shared_ptr<Sandbox>> sandbox_from_document(const std::string& id,
                                                       const Json& document) {
  return guarded(id, "sandbox", [&]() -> Result<std::shared_ptr<Sandbox>> {
    auto out = std::make_shared<Sandbox>();
    out->id = id;
    out->name = document.at("name");
    out->created = document.at("created");
    out->index = SandboxIndex(TRY(integer<std::uint32_t>(document, "index")));
    out->config = TRY(api::parse<api::SandboxCreate>(document.at("config").dump()));
    out->hostname = document.at("hostname");
    out->shares_with = document.at("shares_with");
    out->state = state_from(document.at("state"));
    out->exit_code = TRY(integer<int>(document, "exit_code"));
    out->restart_count = TRY(integer<int>(document, "restart_count"));
    out->stopped_by_user = document.at("stopped_by_user");
    out->started_at = document.at("started_at");
    out->finished_at = document.at("finished_at");
    for (const Json& spec : document.at("ports")) {
      out->ports.push_back(TRY(api::PortSpec::from(spec.get<std::string>())));
    }
    out->next_ifname = TRY(integer<unsigned>(document, "next_ifname"));
    out->ready = true;
    return out;
  });
}

std::string now_rfc3339() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:09}Z", text, now.tv_nsec);
}

} // namespace ebpfnet::network
