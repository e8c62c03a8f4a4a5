// What must hold for a frame that comes out anywhere, whatever was sent: whose addresses it bears,
// across which networks it may come, and its checksums. Each check gives what is wrong; empty:
// nothing.
#pragma once

#include <set>

#include "tests/fuzz_packet/scene.hpp"
#include "tests/fuzz_packet/shot.hpp"

namespace ebpfnet::packet {

class Rules {
public:
  explicit Rules(const Scene& scene) : scene_(scene) {}

  // `shot`: the frame that it is; nullptr: made by the stack of the host or of a container.
  std::string at_wire(const Caught& caught, const Shot* shot) const;
  std::string at_container(const Party& at, const Caught& caught, const Shot* shot) const;
  // What the bridge of the network hands to the host's stack.
  std::string at_bridge(std::uint32_t network, const Caught& caught, const Shot* shot) const;

  // The slots that a bridge reaches with the frame, where that is the whole story of it.
  std::optional<std::set<std::uint32_t>> bridged_to(const Shot& shot) const;

private:
  const Party* sender(const Shot* shot) const;
  std::string forged(const Shot* shot) const;
  std::string source(const Party& at, const Reading& reading, const Shot* shot) const;
  std::string way(const Party& at, const Reading& reading, const Shot* shot) const;
  std::string way_from_wire(const Party& at, const Ipv4& ip, const Shot& shot) const;
  bool through_publishing(const Party& from, const Party& at, const Ipv4& ip,
                          const Shot& shot) const;
  // The sandbox does.
  bool serves_others(const Party& at) const;
  bool has_open_network(const Party& at) const;
  bool is_reply_of(const Party& from, const Ipv4& ip) const;
  bool is_member_mac(std::uint32_t network, const Mac& mac) const;
  bool is_member_address(std::uint32_t network, const IpAddress& address) const;

  const Scene& scene_;
};

} // namespace ebpfnet::packet
