// Numbers that a seed decides, the same on every machine and library. EBPFNET_SEED sets the seed
// (decimal or 0x...), EBPFNET_LONG=N makes everything N times as long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <random>
#include <vector>

#include "tests/packet/frame.hpp"

namespace ebpfnet::packet {

class Random {
public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Of 0..end-1. The standard's distributions differ between libraries; the bias does not matter.
  std::uint32_t below(std::size_t end) { return static_cast<std::uint32_t>(engine_() % end); }
  std::uint32_t between(std::uint32_t first, std::uint32_t last) {
    return first + below(last - first + 1);
  }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_()); }
  std::uint16_t half() { return static_cast<std::uint16_t>(engine_()); }
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
  std::uint64_t next() { return engine_(); }
  Bytes bytes(std::size_t size) {
    Bytes out(size);
    for (std::uint8_t& value : out) {
      value = byte();
    }
    return out;
  }

  template <class T> const T& of(const std::vector<T>& values) {
    return values[below(values.size())];
  }
  template <class T> T of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

private:
  std::mt19937_64 engine_;
};

struct Plan {
  std::uint64_t seed;
  unsigned times;

  // Prints the seed, so that a failure of any run can be repeated.
  static Plan from_environment() {
    constexpr std::uint64_t kDefaultSeed = 0x20260101;
    const char* seed = std::getenv("EBPFNET_SEED");
    const char* times = std::getenv("EBPFNET_LONG");
    Plan out{seed != nullptr ? std::strtoull(seed, nullptr, 0) : kDefaultSeed,
             times != nullptr ? static_cast<unsigned>(std::strtoul(times, nullptr, 0)) : 1};
    out.times = out.times == 0 ? 1 : out.times;
    std::printf("  EBPFNET_SEED=%#llx EBPFNET_LONG=%u\n", static_cast<unsigned long long>(out.seed),
                out.times);
    return out;
  }
};

} // namespace ebpfnet::packet
