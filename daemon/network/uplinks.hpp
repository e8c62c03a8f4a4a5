// Interfaces that lead outside, followed as they come and go: the programs on them, the address
// that masqueraded flows get, and the host's own addresses, on which published ports answer.
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/network/context.hpp"

namespace ebpfnet::network {

struct UplinkInfo {
  std::string name;
  IfIndex index;
  IpAddress address;   // masquerade address; "::": none
  IpAddress address6;  // the same of IPv6
  std::string problem; // why the programs are not on it; empty: they are
};

class Uplinks {
public:
  explicit Uplinks(Context& context) : context_(context) {}

  // Whether the daemon made this interface: by its number.
  static bool is_own(IfIndex index);

  // Compares with the kernel and corrects: attaches to new uplinks, leaves those that are gone,
  // writes addresses.
  Result<void> sync();
  std::vector<UplinkInfo> list() const;
  // Takes the programs off every uplink.
  Result<void> detach_all();

private:
  Result<void> sync_addresses(const std::vector<IpAddress>& wanted);
  void adopt(const UplinkInfo& info, bool ethernet);

  Context& context_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, UplinkInfo> attached_; // by interface index
};

} // namespace ebpfnet::network
