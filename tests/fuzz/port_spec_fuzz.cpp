// The texts of -p, --restart and --network: what is accepted has valid ports, addresses and names,
// and means the same again when it is written out.
#include "cli/endpoint_spec.hpp"
#include "daemon/api/requests.hpp"
#include "maps/types/ip.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::fuzz {
namespace {

void read_port_spec(std::string_view text) {
  const auto spec = api::PortSpec::from(text);
  if (!spec) {
    return demand_story(spec);
  }
  DEMAND(spec->first >= 1 && spec->first <= spec->last);
  DEMAND(spec->host_first <= spec->host_last);
  DEMAND((spec->host_first == 0) == (spec->host_last == 0));
  DEMAND(spec->host_last == 0 || spec->first == spec->last ||
         spec->host_last - spec->host_first == spec->last - spec->first);
  DEMAND(spec->protocol == "tcp" || spec->protocol == "udp");
  DEMAND(spec->host_ip.empty() || IpAddress::from(spec->host_ip));
  DEMAND(!has_nul(spec->host_ip));
  DEMAND(gives(api::PortSpec::from(spec->to_string()), *spec));
}

void read_restart_policy(std::string_view text) {
  const auto policy = api::RestartPolicy::from(text);
  if (!policy) {
    return demand_story(policy);
  }
  DEMAND(policy->name == "no" || policy->name == "always" || policy->name == "on-failure");
  DEMAND(policy->max_retries >= 0);
  DEMAND(policy->max_retries == 0 || policy->name == "on-failure");
  DEMAND(gives(api::RestartPolicy::from(policy->to_string()), *policy));
}

// name=NET,alias=A,...: the long form of what was read.
std::string long_form(const api::EndpointConfig& endpoint) {
  std::string out = "name=" + endpoint.network;
  for (const std::string& alias : endpoint.aliases) {
    out += ",alias=" + alias;
  }
  out += endpoint.ipv4.empty() ? "" : ",ip=" + endpoint.ipv4;
  out += endpoint.ipv6.empty() ? "" : ",ip6=" + endpoint.ipv6;
  out += endpoint.mac.empty() ? "" : ",mac-address=" + endpoint.mac;
  return out + ",gw-priority=" + std::to_string(endpoint.gw_priority);
}

void read_endpoint(std::string_view text) {
  const auto endpoint = cli::parse_endpoint(text);
  if (!endpoint) {
    return demand_story(endpoint);
  }
  DEMAND(!endpoint->network.empty());
  const std::string written = long_form(*endpoint);
  const auto again = cli::parse_endpoint(written);
  DEMAND(again && long_form(*again) == written);
}

} // namespace
} // namespace ebpfnet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ebpfnet::fuzz::text_of(data, size);
  ebpfnet::fuzz::read_port_spec(text);
  ebpfnet::fuzz::read_restart_policy(text);
  ebpfnet::fuzz::read_endpoint(text);
  return 0;
}
