// What became of the queries of all sandboxes, counted since the daemon's start. Thread-safe; a
// count costs one atomic addition.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace ebpfnet::dns {

enum class Outcome : std::uint8_t {
  answered,  // from the registry
  forwarded, // another server's answer was passed on
  failed,    // no server gave an answer: SERVFAIL
  refused,   // not a kind of query that is taken, or too many at a time
  dropped,   // not a query at all
};
inline constexpr std::array<std::string_view, 5> kOutcomes{"answered", "forwarded", "failed",
                                                           "refused", "dropped"};

class Tally {
public:
  using Counts = std::array<std::uint64_t, kOutcomes.size()>; // by Outcome

  void add(Outcome outcome) {
    counts_[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  }
  Counts read() const {
    Counts out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = counts_[i].load(std::memory_order_relaxed);
    }
    return out;
  }

private:
  std::array<std::atomic<std::uint64_t>, kOutcomes.size()> counts_{};
};

} // namespace ebpfnet::dns
