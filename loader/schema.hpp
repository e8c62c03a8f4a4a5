// Versions of the map layouts. The pins of version N are under BPFFS/vN. A build finds its own
// version and goes on, or an older one for which a row of the migration table says how its content
// becomes the next version's.
#pragma once

#include <filesystem>
#include <span>

#include "maps/types/error.hpp"

namespace ebpfnet::loader {

struct Migration {
  unsigned from; // to from + 1
  // Copies what must live on from the old pins to new ones; leaves the old ones in place.
  Result<void> (*run)(const std::filesystem::path& old_root, const std::filesystem::path& new_root);
};

// Brings BPFFS to the current version and returns its root, BPFFS/v<current>. Errors: a newer
// version is pinned, or an older one without a way up.
Result<std::filesystem::path> prepare_schema(const std::filesystem::path& bpffs, unsigned current,
                                             std::span<const Migration> migrations);

} // namespace ebpfnet::loader
