// Everything that one scrape tells, read at one moment: plain data, so that how it is put into
// words can be tested without a kernel.
#pragma once

#include <string>
#include <vector>

#include "daemon/dns/tally.hpp"
#include "daemon/metrics/api_requests.hpp"
#include "daemon/metrics/event_counts.hpp"
#include "daemon/metrics/process.hpp"
#include "daemon/metrics/tables.hpp"
#include "daemon/network/census.hpp"
#include "loader/feature.hpp"
#include "maps/abi/counters.h"

namespace ebpfnet::metrics {

struct Traffic {
  std::string network; // empty: of no network
  std::string driver;
  ebn_counters counters{};
};

struct Snapshot {
  network::Census census;
  std::vector<Traffic> traffic; // of networks whose packets we see, and of none
  Tables tables;
  loader::Features features;
  std::string kernel; // release
  dns::Tally::Counts dns{};
  std::vector<ApiRequests::Route> api;
  EventCounts::Counts log;
  Process process;
  double read_seconds = 0; // what reading all this took
};

} // namespace ebpfnet::metrics
