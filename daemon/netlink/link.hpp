// Network interfaces through rtnetlink: list, create (bridge, veth pair), change, delete. Every
// function works in the network namespace of its Socket. Errors carry the kernel's errno and name
// the interface.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/netlink/socket.hpp"
#include "maps/types/id.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::netlink {

struct LinkInfo {
  IfIndex index;
  std::string name;
  std::string kind;  // "veth", "bridge", ...; empty for hardware and lo
  std::string alias; // may be empty
  Mac mac;           // zero when the device has no 6-byte address
  std::uint32_t mtu = 0;
  IfIndex master;       // bridge, bond or VRF; 0 is none
  bool up = false;      // set up by the administrator
  bool carrier = false; // and has a signal
  bool loopback = false;
  bool has_ethernet_header =
      false; // packets at tc begin with an Ethernet header (lo too; not tun, wireguard, ...)
  int link_netnsid = -1; // local number of the namespace of a veth's peer; -1: none or the same one
};

Result<std::vector<LinkInfo>> list_links(Socket& socket);
Result<std::optional<LinkInfo>> find_link(Socket& socket, std::string_view name);
Result<std::optional<LinkInfo>> find_link(Socket& socket, IfIndex index);

// 1 to 15 bytes without blanks, '/', ':' and '%' (which the kernel takes as a pattern), neither "."
// nor "..".
Result<void> check_link_name(std::string_view name);

struct BridgeSpec {
  std::string name;
  Mac mac;               // fixed: ports do not change it
  std::uint32_t mtu = 0; // bytes; 0: the kernel's choice
  std::string alias;     // up to 255 bytes; may be empty
  IfIndex index{};       // the number that it gets; 0: the kernel's choice
};
// A bridge without spanning tree, forward delay and multicast snooping; down. Errors: EEXIST.
Result<IfIndex> create_bridge(Socket& socket, const BridgeSpec& spec);

struct VethSpec {
  std::string host_name;
  IfIndex host_index{}; // the number that the host end gets; 0: the kernel's choice
  Mac host_mac;
  std::string host_alias;
  std::uint32_t mtu = 0; // bytes, both ends; 0: the kernel's choice
  IfIndex master;        // bridge of the host end; 0 is none
  std::string peer_name; // final name inside its namespace
  Mac peer_mac;
  int peer_netns_fd = -1;
};
// Both ends are down. The host end gets no IPv6 address when it comes up. The peer is born inside
// its namespace. Nothing stays on failure. Errors: EEXIST when a name or the index is taken.
Result<void> create_veth(Socket& socket, const VethSpec& spec);

Result<void> set_link_up(Socket& socket, IfIndex index);
Result<void> set_link_down(Socket& socket, IfIndex index);
Result<void> set_link_alias(Socket& socket, IfIndex index, std::string_view alias);
Result<void> set_link_mtu(Socket& socket, IfIndex index, std::uint32_t mtu);
// Attaches to a bridge; 0 detaches.
Result<void> set_link_master(Socket& socket, IfIndex index, IfIndex master);
// Success also when there is no such interface.
Result<void> delete_link(Socket& socket, IfIndex index);
// Many at once: they share the grace periods for which the kernel waits (20 ms and more). Goes on
// to the end and returns the first error. At most so many in one request, which bounds the time for
// which the kernel's network lock is held (0.2 ms each on an idle machine, 5 ms on a busy one).
inline constexpr std::size_t kLinksPerDeletion = 16;
Result<void> delete_links(Socket& socket, std::span<const IfIndex> links);

// The two steps of that: interfaces are marked with a group number that nobody else has, then all
// of a group are deleted.
Result<std::uint32_t> random_link_group();
Result<bool> set_link_group(Socket& socket, IfIndex index, std::uint32_t group); // false: not there
Result<void> delete_link_group(Socket& socket, std::uint32_t group);

// The defaults are the kernel's.
struct BridgePortOptions {
  bool learning = true;
  bool unicast_flood = true; // frames for unknown addresses leave here
  bool multicast_flood = true;
  bool broadcast_flood = true;
  bool hairpin = false;  // a frame may leave where it came in
  bool isolated = false; // isolated ports do not reach each other
};
Result<void> set_bridge_port(Socket& socket, IfIndex port, const BridgePortOptions& options);

} // namespace ebpfnet::netlink
