// Pattern matching over a short table: see router.hpp.
#include "daemon/server/router.hpp"

#include <cassert>
#include <optional>

#include "daemon/server/target.hpp"

namespace ebpfnet::server {
namespace {

bool is_name(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

std::optional<std::map<std::string, std::string>> match(const std::vector<std::string>& pattern,
                                                        const std::vector<std::string>& segments) {
  if (pattern.size() != segments.size()) {
    return std::nullopt;
  }
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_name(pattern[i]) && !segments[i].empty()) {
      names[pattern[i].substr(1, pattern[i].size() - 2)] = segments[i];
    } else if (pattern[i] != segments[i]) {
      return std::nullopt;
    }
  }
  return names;
}

} // namespace

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  Result<Target> target = Target::from(pattern);
  assert(target && "patterns are literals of this program");
  rows_.push_back(
      {std::move(method), std::string(pattern), std::move(target->segments), std::move(handler)});
}

Router::Match Router::find(std::string_view method,
                           const std::vector<std::string>& segments) const {
  Match found;
  for (const Row& row : rows_) {
    auto names = match(row.segments, segments);
    if (!names) {
      continue;
    }
    if (row.method == method) {
      return {&row.handler, row.pattern, std::move(*names), {}};
    }
    found.allow += (found.allow.empty() ? "" : ", ") + row.method;
  }
  return found;
}

} // namespace ebpfnet::server
