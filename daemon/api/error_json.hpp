// How an error travels over the API: {"message", "hint", "code"}. The server writes it, the command
// line reads it back.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "maps/types/error.hpp"

namespace ebpfnet::api {

std::string_view error_code_name(ErrorCode code);
std::optional<ErrorCode> error_code_from(std::string_view name);

nlohmann::json error_to_json(const Error& error);
// Nothing when `body` has not the form of an error. A code this build does not know becomes
// `internal`.
std::optional<Error> error_from_json(const nlohmann::json& body);

} // namespace ebpfnet::api
