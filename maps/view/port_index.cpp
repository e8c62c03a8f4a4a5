#include "maps/view/port_index.hpp"

#include <netinet/in.h>
#include <sys/mman.h>

#include <utility>

namespace ebpfnet::view {
namespace {

constexpr std::size_t kBytes = static_cast<std::size_t>(EBN_PORT_ROWS) * sizeof(std::uint64_t);

std::size_t row_of(std::uint8_t protocol, std::uint16_t port) {
  return static_cast<std::size_t>(protocol == IPPROTO_UDP ? EBN_PORT_ROW_UDP : EBN_PORT_ROW_TCP) +
         port;
}

} // namespace

Result<PortIndex> PortIndex::open(UniqueFd map) {
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
  if (memory == MAP_FAILED) {
    return fail_errno(errno, "map the port index into memory");
  }
  PortIndex out;
  out.map_ = std::move(map);
  out.rows_ = static_cast<std::uint64_t*>(memory);
  return out;
}

PortIndex::PortIndex(PortIndex&& other) noexcept
    : map_(std::move(other.map_)), rows_(std::exchange(other.rows_, nullptr)) {}

PortIndex& PortIndex::operator=(PortIndex&& other) noexcept {
  std::swap(map_, other.map_);
  std::swap(rows_, other.rows_);
  return *this;
}

PortIndex::~PortIndex() {
  if (rows_ != nullptr) {
    ::munmap(rows_, kBytes);
  }
}

void PortIndex::set(std::uint8_t protocol, std::uint16_t first, std::uint16_t last,
                    std::uint32_t record) {
  for (std::uint32_t port = first; port <= last; ++port) {
    __atomic_store_n(&rows_[row_of(protocol, static_cast<std::uint16_t>(port))], record,
                     __ATOMIC_RELEASE);
  }
}

std::vector<std::uint32_t> PortIndex::heads(std::uint8_t protocol) const {
  std::vector<std::uint32_t> out(EBN_PORT_ROW_UDP);
  for (std::size_t port = 0; port < out.size(); ++port) {
    out[port] = get(protocol, static_cast<std::uint16_t>(port));
  }
  return out;
}

std::size_t PortIndex::count() const {
  std::size_t out = 0;
  for (std::size_t row = 0; row < EBN_PORT_ROWS; ++row) {
    out += __atomic_load_n(&rows_[row], __ATOMIC_RELAXED) != 0 ? 1 : 0;
  }
  return out;
}

std::uint32_t PortIndex::get(std::uint8_t protocol, std::uint16_t port) const {
  return static_cast<std::uint32_t>(
      __atomic_load_n(&rows_[row_of(protocol, port)], __ATOMIC_ACQUIRE));
}

} // namespace ebpfnet::view
