// net.ipv4.ip_local_reserved_ports: connect() and bind(0) of host processes must not choose a port
// that ebpfnet uses (a bind hook does not see those choices). The sysctl belongs to the
// administrator: ours are merged in and taken out again, what else stands there stays.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "daemon/state/store.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::network {

class PortSet {
public:
  // "8080,9148-9150", the sysctl's form. Text that is not of this form is refused.
  static Result<PortSet> from(std::string_view text);
  std::string to_string() const;
  void add(std::uint32_t first, std::uint32_t last);
  bool contains(std::uint16_t port) const { return ports_[port]; }
  bool empty() const { return ports_.none(); }
  PortSet with(const PortSet& other) const;
  PortSet without(const PortSet& other) const;
  bool operator==(const PortSet&) const = default;

private:
  std::bitset<65536> ports_;
};

// All ports that the sysctl names, whoever put them there.
Result<PortSet> read_reserved_ports();

// Makes exactly `ours` the part of the sysctl that is ebpfnet's. What was ours before is remembered
// in the store.
Result<void> apply_reserved_ports(state::Store& store, const PortSet& ours);

} // namespace ebpfnet::network
