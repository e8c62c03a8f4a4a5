#include "daemon/network/gateway.hpp"

#include <tuple>

namespace ebpfnet::network {

IpAddress gateway_address(const Attachment& attachment) {
  for (const auto& subnet : attachment.network->plan.subnets) {
    if (subnet.gateway && subnet.gateway->is_v4() && !attachment.network->internal) {
      return *subnet.gateway;
    }
  }
  return {};
}

Attachment choose_gateway(const std::vector<Attachment>& attachments) {
  Attachment best;
  for (const Attachment& candidate : attachments) {
    if (gateway_address(candidate).is_unspecified()) {
      continue;
    }
    // Smaller is better.
    const auto rank = [](const Attachment& a) {
      return std::make_tuple(-a.endpoint->gw_priority, a.network->name);
    };
    if (!best.endpoint || rank(candidate) < rank(best)) {
      best = candidate;
    }
  }
  return best;
}

} // namespace ebpfnet::network
