// Static entries of two tables: the forwarding table of a bridge (which port has a MAC) and the
// neighbour table of an interface (which MAC has an IP address). Adding replaces, removing accepts
// that nothing is there.
#pragma once

#include <vector>

#include "daemon/netlink/socket.hpp"
#include "maps/types/id.hpp"
#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::netlink {

struct FdbEntry {
  IfIndex port;
  IfIndex bridge;
  Mac mac;
  bool is_static = false; // added here: does not age, does not move
  bool is_local = false;  // the bridge's or port's own address
};

// `port` must be in a bridge. A static entry that forwards: NUD_NOARP. (NUD_PERMANENT would make
// the address the bridge's own, and frames for it would be delivered to the host.)
Result<void> add_fdb(Socket& socket, IfIndex port, const Mac& mac);
Result<void> remove_fdb(Socket& socket, IfIndex port, const Mac& mac);
// The forwarding tables of all bridges of the namespace.
Result<std::vector<FdbEntry>> list_fdb(Socket& socket);

Result<void> add_neighbour(Socket& socket, IfIndex index, const IpAddress& address, const Mac& mac);
Result<void> remove_neighbour(Socket& socket, IfIndex index, const IpAddress& address);

} // namespace ebpfnet::netlink
