// The subnets of a new network as a user writes them: a byte of flags, then four lines each,
// subnet, range, gateway and an auxiliary address. What is accepted gives out addresses of the
// range, each once.
#include <algorithm>
#include <set>

#include "daemon/ipam/allocator.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::ipam {
namespace {

PlanRequest request_of(std::uint8_t flags, const std::vector<std::string>& lines) {
  PlanRequest request;
  request.enable_ipv6 = (flags & 1U) != 0;
  request.internal = (flags & 2U) != 0;
  request.gateway_required = (flags & 4U) != 0;
  request.ula_seed = 0x123456789a;
  request.host_routes = {*IpPrefix::from("192.0.2.0/24"), *IpPrefix::from("0.0.0.0/0"),
                         *IpPrefix::from("2001:db8::/32")};
  request.own_pools_in_use = {*IpPrefix::from("172.17.0.0/16")};
  for (std::size_t i = 0; i + 3 < lines.size() && request.subnets.size() < 3; i += 4) {
    SubnetRequest subnet{lines[i], lines[i + 1], lines[i + 2], {}};
    if (!lines[i + 3].empty()) {
      subnet.aux["one"] = lines[i + 3];
    }
    request.subnets.push_back(subnet);
  }
  return request;
}

void demand_plan(const SubnetPlan& plan) {
  DEMAND(plan.subnet.length() > 0);
  DEMAND(plan.subnet.contains(plan.range));
  DEMAND(!plan.subnet.address().is_loopback() && !plan.subnet.address().is_multicast());
  DEMAND(!plan.gateway || plan.subnet.contains(*plan.gateway));
  for (const auto& [name, address] : plan.aux) {
    DEMAND(plan.subnet.contains(address));
    DEMAND(!plan.gateway || address != *plan.gateway);
  }
}

void demand_addresses(const SubnetPlan& plan, Allocator& allocator) {
  const Family family = plan.subnet.is_v4() ? Family::v4 : Family::v6;
  const std::size_t free = allocator.free(family);
  std::set<IpAddress> given;
  for (std::size_t i = 0; i < std::min<std::size_t>(free, 20); ++i) {
    const auto address = allocator.request(family);
    DEMAND(address && given.insert(*address).second);
    DEMAND(plan.range.contains(*address));
    DEMAND(!plan.gateway || *address != *plan.gateway);
    DEMAND(!plan.aux.contains("one") || *address != plan.aux.at("one"));
    DEMAND(!allocator.request_exact(*address));
  }
  DEMAND(free > given.size() || !allocator.request(family));
  for (const IpAddress& address : given) {
    allocator.release(address);
  }
  DEMAND(allocator.free(family) == free);
}

} // namespace
} // namespace ebpfnet::ipam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  if (size == 0) {
    return -1;
  }
  const auto request = ipam::request_of(data[0], fuzz::lines_of(fuzz::text_of(data + 1, size - 1)));
  const auto plan = ipam::plan_network(request);
  if (!plan) {
    fuzz::demand_story(plan);
    return 0;
  }
  DEMAND(!plan->subnets.empty() && plan->subnets.size() <= 2);
  ipam::Allocator allocator(*plan);
  for (const auto& subnet : plan->subnets) {
    ipam::demand_plan(subnet);
    ipam::demand_addresses(subnet, allocator);
  }
  return 0;
}
