// What clients see of a network or a sandbox: JSON in Docker's shape, and Docker's filters. Call
// with the registry locked.
#pragma once

#include "daemon/network/registry.hpp"
#include "daemon/server/backend.hpp"

namespace ebpfnet::network {

Json network_view(const Registry& registry, const Network& network);
Json sandbox_view(const Registry& registry, const Sandbox& sandbox, const std::string& netns_file);
Json sandbox_summary(const Registry& registry, const Sandbox& sandbox);

// "Running", "Created", "Exited (N)", "Restarting (N)".
std::string status_text(const Sandbox& sandbox);

// All keys must match; the values of one key are alternatives. Errors: an unknown key.
Result<bool> matches(const Network& network, const server::Filters& filters);
Result<bool> matches(const Registry& registry, const Sandbox& sandbox,
                     const server::Filters& filters);

} // namespace ebpfnet::network
