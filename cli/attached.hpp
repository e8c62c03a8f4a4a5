// The attached half of `run` and `exec`: the process gets this process's own standard descriptors,
// signals go through.
#pragma once

#include <string>

#include "daemon/api/requests.hpp"

namespace ebpfnet::cli {

// A terminal can only be given when there is one. To be called before anything is created.
Result<void> check_terminal(const api::ProcessConfig& process);

// Passes stdin, stdout and stderr to the supervisor at `socket`, forwards signals until the process
// ends, and returns its exit code (128+n for death by signal).
Result<int> attach(const std::string& socket, const api::ProcessConfig& process);

} // namespace ebpfnet::cli
