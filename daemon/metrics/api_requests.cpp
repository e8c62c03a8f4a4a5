#include "daemon/metrics/api_requests.hpp"

namespace ebpfnet::metrics {
namespace {

// Seconds. Reads take below a millisecond, changes some milliseconds, stops up to ten seconds.
const prometheus::Histogram::BucketBoundaries kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,   0.25,   0.5,   1,    2.5,   10};

} // namespace

ApiRequests::Counts::Counts() : took(kBounds) {}

// What a client made up must not become a label.
void ApiRequests::record(const server::Exchange& exchange) {
  const bool routed = !exchange.route.empty();
  const std::scoped_lock lock(mutex_);
  Counts& counts = counts_[{std::string(routed ? exchange.method : "other"),
                            std::string(routed ? exchange.route : "other")}];
  ++counts.by_status[exchange.status];
  counts.took.Observe(std::chrono::duration<double>(exchange.took).count());
}

std::vector<ApiRequests::Route> ApiRequests::read() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Route> out;
  for (const auto& [key, counts] : counts_) {
    out.push_back({key.first, key.second, counts.by_status, counts.took.Collect()});
  }
  return out;
}

} // namespace ebpfnet::metrics
