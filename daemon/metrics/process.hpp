// What the kernel accounts to this process, for the metrics that every Prometheus client library
// has.
#pragma once

#include <cstdint>

#include "maps/types/error.hpp"

namespace ebpfnet::metrics {

struct Process {
  double cpu_seconds = 0;
  double start_time_seconds = 0; // since 1970, to the clock tick (10 ms)
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

// Reads /proc/self. Errors: /proc is not mounted, or not that of Linux.
Result<Process> read_process();

} // namespace ebpfnet::metrics
