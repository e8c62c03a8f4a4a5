// Takes the target of an HTTP request apart: path segments and query, percent-decoded after
// splitting, so that an encoded slash belongs to its segment.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::server {

struct Target {
  std::vector<std::string> segments;        // "/v1/networks" -> {"v1", "networks"}
  std::map<std::string, std::string> query; // a key without '=' has the value ""

  // Refuses what is no absolute path, broken escapes and NUL bytes.
  static Result<Target> from(std::string_view text);
};

// "%2e" -> "."; with plus_is_space also "+" -> " ", as in queries.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

} // namespace ebpfnet::server
