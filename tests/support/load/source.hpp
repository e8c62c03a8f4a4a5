// A kind of traffic that the driver keeps going.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/support/load/loop.hpp"

namespace ebpfnet::load {

class Source {
public:
  virtual ~Source() = default;
  // Sends what is due.
  virtual void tick(Clock::time_point now) = 0;
  // No more than what is under way.
  virtual void stop() = 0;
  // Nothing is under way.
  virtual bool idle() const = 0;
  // What happened, for the report. A key that begins with "bad_" counts what should not be.
  virtual nlohmann::json report() const = 0;
};

} // namespace ebpfnet::load
