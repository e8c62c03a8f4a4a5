// Which kernel features are there. Each is found out by trying it, never from a version.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::loader {

struct Feature {
  std::string_view name;
  bool present = false;
  std::string_view used_for;
  std::string_view instead; // what happens without it; empty: it is required
};

struct Features {
  bool tcx = false;        // BPF links on tc hooks (6.6); clsact filters otherwise
  bool set_retval = false; // the error of a refused bind(2) can be chosen (5.18)
  std::vector<Feature> rows;
};

// An error that names the first required feature which is missing; nothing when all are there.
Result<void> require(std::span<const Feature> rows);

// Tries every feature. Needs CAP_BPF and CAP_NET_ADMIN; a required feature that is missing is an
// error that names it.
Result<Features> probe_features();

// "6.1.0-44-amd64", for people; features are never told from it.
std::string kernel_release();

} // namespace ebpfnet::loader
