// What the messages of a stream look like: length and bytes follow from the stream and the sequence
// number, so the receiver knows each byte that it must get.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace ebpfnet::load {

inline std::uint64_t mixed(std::uint64_t stream, std::uint64_t sequence) { // splitmix64
  std::uint64_t x = (stream << 40) + sequence + 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// At least the sequence number, at most `most` bytes (16 or more).
inline std::string message(std::uint64_t stream, std::uint64_t sequence, std::size_t most) {
  const std::uint64_t seed = mixed(stream, sequence);
  std::string out(sizeof sequence + seed % (most - sizeof sequence + 1), '\0');
  std::memcpy(out.data(), &sequence, sizeof sequence);
  for (std::size_t at = sizeof sequence; at < out.size(); ++at) {
    out[at] = static_cast<char>(seed >> (at % 8 * 8));
  }
  return out;
}

} // namespace ebpfnet::load
