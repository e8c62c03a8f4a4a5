// Versions of the map layouts. The pins of version N are under BPFFS/vN. A build finds its own
// version and goes on, or an older one for which it has a row that says how to take it over with
// everything that lives in it.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "maps/types/error.hpp"
#include "maps/view/catalogue.hpp"

namespace ebpfnet::loader {

struct OldLayout {
  unsigned version;
  // The maps whose layout is another one now. All others are shared between the old programs and
  // the new ones from the moment on when the latter are loaded.
  std::span<const std::string_view> changed;
  // Copies from the pins of the changed maps in `old` what is not there yet. Runs twice: before
  // the first program is replaced, and after the last one, for what began in between.
  Result<void> (*copy)(const std::filesystem::path& old, view::Maps& maps);
};

// One row per layout that this build can take over; one file each in loader/layouts.
std::span<const OldLayout> old_layouts();

struct Schema {
  std::filesystem::path root;     // BPFFS/v<current>
  const OldLayout* old = nullptr; // to be taken over
  std::filesystem::path old_root;
};

// Makes BPFFS/v<current>. Where an older version is pinned, the links and the unchanged maps move
// over; the changed maps stay behind until finish_schema. Dying anywhere in between is repaired by
// the next start. Errors: a newer version is pinned, or an older one that no row knows.
Result<Schema> prepare_schema(const std::filesystem::path& bpffs, unsigned current,
                              std::span<const OldLayout> rows);

// The old version ends.
Result<void> finish_schema(const Schema& schema);

} // namespace ebpfnet::loader
