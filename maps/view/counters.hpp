// Packet, byte and drop counters per network, summed over the CPUs.
#pragma once

#include "maps/abi/counters.h"
#include "maps/types/error.hpp"
#include "maps/types/id.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::view {

class Counters {
public:
  Counters() = default;
  static Result<Counters> open(UniqueFd map);

  Result<ebn_counters> read(NetworkIndex network) const;
  // Before an index is used again: the counters of the network that had it must not show under the
  // new one.
  Result<void> reset(NetworkIndex network);

private:
  UniqueFd map_;
  int cpus_ = 0;
};

// "local"; empty for a number that is not a path.
std::string_view path_label(unsigned path);
// "spoofed_ip"; empty for a number that is not a reason.
std::string_view drop_label(unsigned reason);
// "the source IP address is not the endpoint's"
std::string_view drop_meaning(unsigned reason);

} // namespace ebpfnet::view
