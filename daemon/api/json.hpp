// The JSON form of every request body: PascalCase keys in Docker's spirit, read strictly. The
// server parses bodies with parse<T>, the command line makes them with to_json. Every refusal names
// the place in the body: "Networks[0].MacAddress".
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "daemon/api/requests.hpp"

namespace ebpfnet::api {

inline constexpr unsigned kMaxJsonDepth = 32; // levels of objects and arrays

// One of the structs of requests.hpp from text. Missing keys keep the default of the struct.
// Refused with `invalid`: text that is not JSON, not an object or nested deeper than kMaxJsonDepth,
// keys that are unknown or occur twice, values of another type or outside the range of their
// member.
template <class T> Result<T> parse(std::string_view body);

// The whole struct, defaults included; parse<T>(to_json(x).dump()) gives x again.
template <class T> nlohmann::json to_json(const T& value);

} // namespace ebpfnet::api
