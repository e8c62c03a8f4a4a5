// The daemon's log: lines on stderr at the level that was asked for, and a count of every event,
// for metrics, also of those that are not shown.
#pragma once

#include <memory>

#include "daemon/config.hpp"
#include "daemon/metrics/event_counts.hpp"

namespace ebpfnet {

// Once, before anything logs. Returns what counts the events.
std::shared_ptr<metrics::EventCounts> set_up_log(const Config& config);
// Changes what is shown. `level` as in Config.
void set_log_level(const std::string& level);

} // namespace ebpfnet
