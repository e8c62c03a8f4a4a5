// Requests to the API, counted as they are answered: how many, with which result, how long they
// took. Thread-safe.
#pragma once

#include <prometheus/histogram.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/server/http_server.hpp"

namespace ebpfnet::metrics {

class ApiRequests {
public:
  struct Route {
    std::string method; // "GET"; "other" where no route was found
    std::string route;  // "/v1/networks/{ref}"; "other"
    std::map<int, std::uint64_t> by_status;
    prometheus::ClientMetric took; // a histogram, seconds
  };

  void record(const server::Exchange& exchange);
  std::vector<Route> read() const;

private:
  struct Counts {
    std::map<int, std::uint64_t> by_status;
    prometheus::Histogram took;
    Counts();
  };

  mutable std::mutex mutex_;
  // By (method, route). Both are texts of the route table, so there are not more than it has rows.
  std::map<std::pair<std::string, std::string>, Counts> counts_;
};

} // namespace ebpfnet::metrics
