// Which of its endpoints gives a sandbox its default route, by Docker's rules, and carries its
// published ports.
#pragma once

#include <memory>
#include <vector>

#include "daemon/network/model.hpp"

namespace ebpfnet::network {

struct Attachment {
  std::shared_ptr<Endpoint> endpoint;
  std::shared_ptr<Network> network;
};

// Priority first, then networks that lead outside, then those with a gateway, then by network name.
// nullptr in `endpoint`: none has a gateway.
Attachment choose_gateway(const std::vector<Attachment>& attachments);

// The gateway address of an attachment; "::" when there is none (also on internal networks, which
// have no default route).
IpAddress gateway_address(const Attachment& attachment);

} // namespace ebpfnet::network
