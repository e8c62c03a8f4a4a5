// Makes the text of a scrape: reads every value when it is asked for, and nothing in between.
// Thread-safe; one scrape at a time, so that many at once need the memory of one.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "daemon/dns/server.hpp"
#include "daemon/metrics/snapshot.hpp"
#include "daemon/network/service.hpp"
#include "loader/data_plane.hpp"

namespace ebpfnet::metrics {

class Exporter {
public:
  // All must outlive the exporter.
  struct Sources {
    const network::Service& service;
    loader::DataPlane& plane;
    const dns::Server& dns;
    const ApiRequests& api;
    EventCounts& log;
  };
  explicit Exporter(Sources sources) : sources_(sources) {}

  // The text format 0.0.4. May block for as long as a change of the host's interfaces takes; never
  // call it on the event loop.
  Result<std::string> scrape();

private:
  using Clock = std::chrono::steady_clock;

  Result<Snapshot> read();
  Result<void> refresh_tables(std::size_t networks);

  Sources sources_;
  std::mutex mutex_;
  Tables tables_;
  Clock::time_point tables_good_until_;
};

} // namespace ebpfnet::metrics
