// Request targets: see target.hpp.
#include "daemon/server/target.hpp"

#include <charconv>

namespace ebpfnet::server {
namespace {

// Calls visit(piece) for each piece between separators until it fails.
template <class Visit> Result<void> split(std::string_view text, char separator, Visit visit) {
  while (true) {
    std::size_t end = text.find(separator);
    TRY_VOID(visit(text.substr(0, end)));
    if (end == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(end + 1);
  }
}

Result<void> parse_query(std::string_view text, std::map<std::string, std::string>& query) {
  return split(text, '&', [&](std::string_view pair) -> Result<void> {
    if (pair.empty()) {
      return {};
    }
    std::size_t equals = pair.find('=');
    std::string key = TRY(percent_decode(pair.substr(0, equals), true));
    bool has_value = equals != std::string_view::npos;
    query[key] = has_value ? TRY(percent_decode(pair.substr(equals + 1), true)) : "";
    return {};
  });
}

} // namespace

Result<Target> Target::from(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::invalid, "the request target contains a NUL byte");
  }
  if (!text.starts_with('/')) {
    return fail(ErrorCode::invalid, "request target '{}' is not an absolute path", text);
  }
  Target target;
  std::size_t question = text.find('?');
  if (question != std::string_view::npos) {
    TRY_VOID(parse_query(text.substr(question + 1), target.query));
  }
  std::string_view path =
      text.substr(1, question == std::string_view::npos ? question : question - 1);
  auto add_segment = [&target](std::string_view segment) -> Result<void> {
    target.segments.push_back(TRY(percent_decode(segment)));
    return {};
  };
  TRY_VOID(split(path, '/', add_segment));
  return target;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' && plus_is_space ? ' ' : text[i]);
      continue;
    }
    unsigned value = 0;
    std::string_view digits = text.substr(i + 1, 2);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2 || value == 0) {
      return fail(ErrorCode::invalid, "'%{}' is not a valid percent escape", digits);
    }
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

} // namespace ebpfnet::server
