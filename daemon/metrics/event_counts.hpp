// Counts what the daemon logs: every event by its name, whatever the level at which the log is
// written. A sink of the logger; thread-safe.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace ebpfnet::metrics {

class EventCounts final : public spdlog::sinks::base_sink<std::mutex> {
public:
  static constexpr std::array<std::string_view, 3> kLevels{"info", "warn", "error"};

  struct Counts {
    std::array<std::uint64_t, kLevels.size()> by_level{}; // as kLevels
    std::map<std::string, std::uint64_t> by_event;        // "orphan_removed"
  };

  // Debug messages do not count: they are not made unless the log shows them.
  EventCounts() { set_level(spdlog::level::info); }
  Counts read();

private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

  Counts counts_;
};

} // namespace ebpfnet::metrics
