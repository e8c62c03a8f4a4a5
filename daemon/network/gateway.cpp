#include "daemon/network/gateway.hpp"

#include <algorithm>
#include <tuple>

namespace ebpfnet::network {

IpAddress gateway_address(const Network& network, Family family) {
  const auto* subnet = network.plan.find(family);
  return subnet == nullptr || network.internal ? IpAddress()
                                               : subnet->gateway.value_or(IpAddress());
}

Attachment choose_gateway(const std::vector<Attachment>& attachments, Family family) {
  const auto lacks = [](const Attachment& a, Family of) {
    return gateway_address(*a.network, of).is_unspecified();
  };
  Attachment best;
  for (const Attachment& candidate : attachments) {
    if (lacks(candidate, family)) {
      continue;
    }
    // Smaller is better.
    const auto rank = [&](const Attachment& a) {
      const auto lacking = std::ranges::count_if(kFamilies, [&](Family f) { return lacks(a, f); });
      return std::make_tuple(-a.endpoint->gw_priority, lacking, a.network->name);
    };
    if (!best.endpoint || rank(candidate) < rank(best)) {
      best = candidate;
    }
  }
  return best;
}

} // namespace ebpfnet::network
