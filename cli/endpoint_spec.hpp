// The value of --network: a name, or Docker's long form
// name=NET,alias=A,ip=IP,ip6=IP,mac-address=M,gw-priority=N.
#pragma once

#include <string_view>

#include "daemon/api/requests.hpp"

namespace ebpfnet::cli {

// Refuses unknown and empty fields by name. Addresses are checked by the daemon.
Result<api::EndpointConfig> parse_endpoint(std::string_view text);

// "host", "none", "container:NAME": the sandbox has no networks of its own.
bool is_network_mode(std::string_view text);

} // namespace ebpfnet::cli
