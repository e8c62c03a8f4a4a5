#include "daemon/network/names.hpp"

#include <algorithm>

namespace ebpfnet::network {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) {
  return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
}

} // namespace

Result<void> check_name(std::string_view what, std::string_view name) {
  if (name.empty() || name.size() > 255 || !is_alphanumeric(name.front()) ||
      !std::ranges::all_of(name, is_name_character)) {
    return fail(ErrorCode::invalid,
                "Invalid {} name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", what, name);
  }
  return {};
}

Result<void> check_hostname(std::string_view hostname) {
  std::size_t label = 0;
  bool valid = !hostname.empty() && hostname.size() <= 64;
  for (const char c : hostname) {
    label = c == '.' ? 0 : label + 1;
    valid = valid && (is_alphanumeric(c) || c == '-' || c == '.' || c == '_') && label <= 63;
  }
  if (!valid || hostname.front() == '.' || hostname.front() == '-') {
    return fail(ErrorCode::invalid, "invalid hostname '{}'", hostname);
  }
  return {};
}

} // namespace ebpfnet::network
