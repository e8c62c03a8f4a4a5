// The -o options of bridge networks, checked. Unknown keys are refused by name.
#pragma once

#include <optional>
#include <string>

#include "daemon/api/requests.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::network::bridge {

struct BridgeOptions {
  std::string bridge_name; // empty: chosen
  std::uint32_t mtu = 1500;
  bool icc = true;
  bool masquerade = true;
  bool spoof_check = true;
  std::optional<bool> ipv4; // what --ipv4 and --ipv6 also say, which win
  std::optional<bool> ipv6;
};

Result<BridgeOptions> parse_options(const api::StringMap& options);

} // namespace ebpfnet::network::bridge
