// What there is, counted at one moment: for `status` and for metrics.
#pragma once

#include <string>
#include <vector>

#include "daemon/network/publisher.hpp"
#include "daemon/network/uplinks.hpp"
#include "maps/types/id.hpp"

namespace ebpfnet::network {

struct NetworkCensus {
  std::string name;
  std::string driver;
  std::string created; // RFC 3339
  NetworkIndex index;
  bool has_traffic = false; // the driver's packets pass our programs, which count them
  std::size_t endpoints = 0;
};

struct SandboxCensus {
  std::size_t created = 0;
  std::size_t running = 0;
  std::size_t exited = 0;
  std::size_t restarting = 0;

  std::size_t total() const { return created + running + exited + restarting; }
};

struct Census {
  std::vector<NetworkCensus> networks; // those that are complete, by name
  SandboxCensus sandboxes;             // the same
  std::size_t endpoints = 0;
  PublishedCount tcp;
  PublishedCount udp;
  std::vector<UplinkInfo> uplinks;
};

} // namespace ebpfnet::network
