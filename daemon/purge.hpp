// The end of everything that ebpfnet made on this host.
#pragma once

#include "daemon/network/context.hpp"

namespace ebpfnet {

// Processes, namespaces, devices, programs, pins, sysctls and files of the daemon with these
// directories. Works also when the state file cannot be read. Goes on to the end and returns the
// first error.
Result<void> purge(const network::Options& options);

} // namespace ebpfnet
