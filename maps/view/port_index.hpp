// The index from (protocol, host port) to the first record of a chain of published ranges, as
// memory shared with the programs: publishing ten thousand ports is one pass over 80 KB, without a
// system call. Stores of a row are atomic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "maps/abi/publish.h"
#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::view {

class PortIndex {
public:
  PortIndex() = default;
  // Maps the array into memory (BPF_F_MMAPABLE, Linux 5.5).
  static Result<PortIndex> open(UniqueFd map);
  PortIndex(PortIndex&& other) noexcept;
  PortIndex& operator=(PortIndex&& other) noexcept;
  PortIndex(const PortIndex&) = delete;
  PortIndex& operator=(const PortIndex&) = delete;
  ~PortIndex();

  // Points the ports first..last (host order) of TCP (6) or UDP (17) at `record`; 0 unpublishes
  // them.
  void set(std::uint8_t protocol, std::uint16_t first, std::uint16_t last, std::uint32_t record);
  std::uint32_t get(std::uint8_t protocol, std::uint16_t port) const;
  // What each port of TCP or UDP leads to, by port: one pass over memory.
  std::vector<std::uint32_t> heads(std::uint8_t protocol) const;
  // Ports of both protocols that lead to a record. Reads the whole index, 1 MB.
  std::size_t count() const;

private:
  UniqueFd map_;
  std::uint64_t* rows_ = nullptr;
};

} // namespace ebpfnet::view
