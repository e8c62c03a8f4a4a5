// Docker's comma-separated network syntax.
#include "cli/endpoint_spec.hpp"

#include <charconv>

namespace ebpfnet::cli {
namespace {

Failure malformed(std::string_view text, std::string_view what) {
  return Failure(
      Error{ErrorCode::invalid, 0, fmt::format("--network '{}': {}", text, what),
            "write NAME or name=NAME,alias=A,ip=IP,ip6=IP,mac-address=MAC,gw-priority=N"});
}

Result<void> set_field(api::EndpointConfig& endpoint, std::string_view text, std::string_view key,
                       std::string_view value) {
  if (value.empty()) {
    return malformed(text, fmt::format("field '{}' has no value", key));
  }
  if (key == "name") {
    endpoint.network = value;
  } else if (key == "alias") {
    endpoint.aliases.emplace_back(value);
  } else if (key == "ip") {
    endpoint.ipv4 = value;
  } else if (key == "ip6") {
    endpoint.ipv6 = value;
  } else if (key == "mac-address") {
    endpoint.mac = value;
  } else if (key == "gw-priority") {
    auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), endpoint.gw_priority);
    if (error != std::errc() || end != value.data() + value.size()) {
      return malformed(text, fmt::format("gw-priority '{}' is not a number", value));
    }
  } else if (key == "link-local-ip" || key == "driver-opt") {
    return malformed(text, fmt::format("field '{}' is not built yet", key));
  } else {
    return malformed(text, fmt::format("unknown field '{}'", key));
  }
  return {};
}

} // namespace

Result<api::EndpointConfig> parse_endpoint(std::string_view text) {
  api::EndpointConfig endpoint;
  if (text.find_first_of("=,") == std::string_view::npos) {
    endpoint.network = text;
  } else {
    std::string_view rest = text;
    while (true) {
      std::string_view field = rest.substr(0, rest.find(','));
      std::size_t equals = field.find('=');
      std::string_view value =
          equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
      TRY_VOID(set_field(endpoint, text, field.substr(0, equals), value));
      if (field.size() == rest.size()) {
        break;
      }
      rest.remove_prefix(field.size() + 1);
    }
  }
  if (endpoint.network.empty()) {
    return malformed(text, "the name of the network is missing");
  }
  return endpoint;
}

bool is_network_mode(std::string_view text) {
  return text == "host" || text == "none" || text.starts_with("container:");
}

} // namespace ebpfnet::cli
