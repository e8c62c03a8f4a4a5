#include "daemon/metrics/event_counts.hpp"

namespace ebpfnet::metrics {
namespace {

// "event=orphan_removed kind=device" -> "orphan_removed". Names of events are literals, so there
// are not more than the source has.
std::string_view event_of(std::string_view text) {
  constexpr std::string_view kKey = "event=";
  if (!text.starts_with(kKey)) {
    return "other";
  }
  text.remove_prefix(kKey.size());
  return text.substr(0, text.find(' '));
}

std::size_t index_of(spdlog::level::level_enum level) {
  switch (level) {
  case spdlog::level::warn:
    return 1;
  case spdlog::level::err:
  case spdlog::level::critical:
    return 2;
  default:
    return 0;
  }
}

} // namespace

EventCounts::Counts EventCounts::read() {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

void EventCounts::sink_it_(const spdlog::details::log_msg& message) {
  ++counts_.by_level[index_of(message.level)];
  ++counts_.by_event[std::string(event_of({message.payload.data(), message.payload.size()}))];
}

} // namespace ebpfnet::metrics
