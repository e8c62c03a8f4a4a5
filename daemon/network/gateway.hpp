// Which of its endpoints gives a sandbox its default route, by Docker's rules, and carries its
// published ports. Each family has its own: they may be different endpoints.
#pragma once

#include <memory>
#include <vector>

#include "daemon/network/model.hpp"

namespace ebpfnet::network {

struct Attachment {
  std::shared_ptr<Endpoint> endpoint;
  std::shared_ptr<Network> network;
};

// Of those that have a gateway of the family: priority first, then networks that lead outside by
// both families, then by network name. nullptr in `endpoint`: there is none.
Attachment choose_gateway(const std::vector<Attachment>& attachments, Family family);

// The gateway address of an attachment; "::" when there is none (also on internal networks, which
// have no default route).
IpAddress gateway_address(const Network& network, Family family);

} // namespace ebpfnet::network
