// One table of code names serves both directions.
#include "daemon/api/error_json.hpp"

#include <array>
#include <utility>

namespace ebpfnet::api {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 10> kCodes{{
    {ErrorCode::invalid, "invalid"},
    {ErrorCode::forbidden, "forbidden"},
    {ErrorCode::not_found, "not_found"},
    {ErrorCode::conflict, "conflict"},
    {ErrorCode::exhausted, "exhausted"},
    {ErrorCode::unsupported, "unsupported"},
    {ErrorCode::unavailable, "unavailable"},
    {ErrorCode::not_executable, "not_executable"},
    {ErrorCode::no_command, "no_command"},
    {ErrorCode::internal, "internal"},
}};

std::string text_of(const nlohmann::json& body, const char* key) {
  auto it = body.find(key);
  return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
}

} // namespace

std::string_view error_code_name(ErrorCode code) {
  for (const auto& [value, name] : kCodes) {
    if (value == code) {
      return name;
    }
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from(std::string_view name) {
  for (const auto& [value, text] : kCodes) {
    if (text == name) {
      return value;
    }
  }
  return std::nullopt;
}

nlohmann::json error_to_json(const Error& error) {
  return {{"message", error.message}, {"hint", error.hint}, {"code", error_code_name(error.code)}};
}

std::optional<Error> error_from_json(const nlohmann::json& body) {
  if (!body.is_object() || text_of(body, "message").empty()) {
    return std::nullopt;
  }
  Error error;
  error.code = error_code_from(text_of(body, "code")).value_or(ErrorCode::internal);
  error.message = text_of(body, "message");
  error.hint = text_of(body, "hint");
  return error;
}

} // namespace ebpfnet::api
