#include "tests/fuzz_packet/census.hpp"

#include <fmt/format.h>

#include "maps/view/counters.hpp"

namespace ebpfnet::packet {

std::string Counted::to_string() const {
  std::string out;
  for (const Drop& drop : drops) {
    out += fmt::format(" {} x {} of network {}", drop.times, view::drop_label(drop.reason),
                       drop.network);
  }
  for (const Path& path : paths) {
    out += fmt::format(" {} packets ({} bytes) by path {} of network {}", path.packets, path.bytes,
                       path.path, path.network);
  }
  return out.empty() ? " nothing" : out;
}

Census::Census(const World& world) : world_(world), last_(read()) {}

std::vector<ebn_counters> Census::read() const {
  std::vector<ebn_counters> out;
  for (std::uint32_t network = 0; network < kNetworks; ++network) {
    out.push_back(world_.maps().counters.read(NetworkIndex(network)).value());
  }
  return out;
}

Counted Census::take() {
  Counted out;
  std::vector<ebn_counters> now = read();
  for (std::uint32_t network = 0; network < kNetworks; ++network) {
    const ebn_counters& before = last_[network];
    const ebn_counters& after = now[network];
    for (unsigned i = 0; i < EBN_DROP_LIMIT; ++i) {
      if (after.drops[i] != before.drops[i]) {
        out.drops.push_back({network, i, after.drops[i] - before.drops[i]});
      }
    }
    for (unsigned i = 0; i < EBN_PATH_LIMIT; ++i) {
      if (after.packets[i] != before.packets[i] || after.bytes[i] != before.bytes[i]) {
        out.paths.push_back(
            {network, i, after.packets[i] - before.packets[i], after.bytes[i] - before.bytes[i]});
      }
    }
  }
  last_ = std::move(now);
  return out;
}

} // namespace ebpfnet::packet
