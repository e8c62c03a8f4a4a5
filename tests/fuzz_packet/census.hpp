// What a packet changed in the counters.
#pragma once

#include <string>
#include <vector>

#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

struct Counted {
  struct Drop {
    std::uint32_t network;
    unsigned reason;
    std::uint64_t times;
  };
  struct Path {
    std::uint32_t network;
    unsigned path;
    std::uint64_t packets;
    std::uint64_t bytes;
  };
  std::vector<Drop> drops;
  std::vector<Path> paths;

  std::string to_string() const;
};

class Census {
public:
  explicit Census(const World& world);
  // Since the last call.
  Counted take();

private:
  std::vector<ebn_counters> read() const;

  const World& world_;
  std::vector<ebn_counters> last_;
};

} // namespace ebpfnet::packet
