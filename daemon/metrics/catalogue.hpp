// All metrics: one row per metric, with the function that picks its values out of a snapshot. Names
// follow the rules of Prometheus: base units, _total for what only grows. docs/operations.md has
// the same table for people.
#pragma once

#include <span>

#include "daemon/metrics/samples.hpp"
#include "daemon/metrics/snapshot.hpp"

namespace ebpfnet::metrics {

struct MetricRow {
  const char* name;
  MetricType type;
  const char* help;
  void (*read)(const Snapshot& snapshot, Samples& out);
};

std::span<const MetricRow> catalogue();

// The snapshot in the text format 0.0.4 of Prometheus.
std::string to_text(const Snapshot& snapshot);

} // namespace ebpfnet::metrics
