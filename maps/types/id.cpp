#include "maps/types/id.hpp"

#include <sys/random.h>

#include <array>

namespace ebpfnet {

Result<std::string> random_id() {
  std::array<std::uint8_t, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return fail_errno(errno, "getrandom");
  }
  std::string out;
  for (const std::uint8_t b : bytes) {
    out += fmt::format("{:02x}", b);
  }
  return out;
}

} // namespace ebpfnet
