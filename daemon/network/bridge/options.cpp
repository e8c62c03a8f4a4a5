#include "daemon/network/bridge/options.hpp"

#include <charconv>
#include <functional>

namespace ebpfnet::network::bridge {
namespace {

Result<bool> parse_bool(const std::string& key, const std::string& value) {
  if (value == "true" || value == "1" || value == "on") {
    return true;
  }
  if (value == "false" || value == "0" || value == "off") {
    return false;
  }
  return fail(ErrorCode::invalid, "invalid value '{}' of option '{}': it should be true or false",
              value, key);
}

Result<void> read_mtu(const std::string& key, const std::string& value, BridgeOptions& out) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.mtu);
  if (error != std::errc{} || end != value.data() + value.size() || out.mtu < 68 ||
      out.mtu > 65535) {
    return fail(ErrorCode::invalid, "invalid value '{}' of option '{}': it should be 68..65535",
                value, key);
  }
  return {};
}

using Reader = Result<void> (*)(const std::string& key, const std::string& value,
                                BridgeOptions& out);

struct OptionRow {
  std::string_view key;
  Reader read;
};

template <auto BridgeOptions::* Member>
Result<void> read_flag(const std::string& key, const std::string& value, BridgeOptions& out) {
  out.*Member = TRY(parse_bool(key, value));
  return {};
}

constexpr OptionRow kOptions[] = {
    {"com.docker.network.driver.mtu", read_mtu},
    {"com.docker.network.bridge.name",
     [](const std::string&, const std::string& value, BridgeOptions& out) -> Result<void> {
       out.bridge_name = value;
       return {};
     }},
    {"com.docker.network.bridge.enable_icc", read_flag<&BridgeOptions::icc>},
    {"com.docker.network.bridge.enable_ip_masquerade", read_flag<&BridgeOptions::masquerade>},
    {"com.docker.network.enable_ipv4", read_flag<&BridgeOptions::ipv4>},
    {"com.docker.network.enable_ipv6", read_flag<&BridgeOptions::ipv6>},
    {"com.ebpfnet.spoof_check", read_flag<&BridgeOptions::spoof_check>},
};

} // namespace

Result<BridgeOptions> parse_options(const api::StringMap& options) {
  BridgeOptions out;
  for (const auto& [key, value] : options) {
    const OptionRow* found = nullptr;
    for (const OptionRow& row : kOptions) {
      found = row.key == key ? &row : found;
    }
    if (found == nullptr) {
      std::string known;
      for (const OptionRow& row : kOptions) {
        known += known.empty() ? "" : ", ";
        known += row.key;
      }
      return Failure(Error{ErrorCode::invalid, 0,
                           fmt::format("unknown option '{}' of a bridge network", key),
                           "known options: " + known});
    }
    TRY_VOID(found->read(key, value, out));
  }
  return out;
}

} // namespace ebpfnet::network::bridge
