// RTM_NEWNEIGH and RTM_DELNEIGH for AF_BRIDGE, AF_INET and AF_INET6.
#include "daemon/netlink/neighbour.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

constexpr int kReplace = NLM_F_CREATE | NLM_F_REPLACE;

ndmsg header_for(int family, IfIndex index, unsigned state, unsigned flags) {
  ndmsg header{};
  header.ndm_family = static_cast<__u8>(family);
  header.ndm_ifindex = static_cast<__s32>(index.value);
  header.ndm_state = static_cast<__u16>(state);
  header.ndm_flags = static_cast<__u8>(flags);
  return header;
}

std::optional<FdbEntry> parse_fdb(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWNEIGH ||
      nlmsg_datalen(&message) < static_cast<int>(sizeof(ndmsg))) {
    return std::nullopt;
  }
  const auto& header = *static_cast<const ndmsg*>(nlmsg_data(&message));
  const Attributes<NDA_MAX> attributes(message, sizeof(ndmsg));
  const std::optional<Mac> mac = attributes.mac(NDA_LLADDR);
  const IfIndex bridge(attributes.u32(NDA_MASTER));
  if (!mac || bridge == IfIndex()) {
    return std::nullopt;
  }
  return FdbEntry{IfIndex(static_cast<std::uint32_t>(header.ndm_ifindex)), bridge, *mac,
                  (header.ndm_state & NUD_NOARP) != 0, (header.ndm_state & NUD_PERMANENT) != 0};
}

} // namespace

Result<void> add_fdb(Socket& socket, IfIndex port, const Mac& mac) {
  Request request(RTM_NEWNEIGH, kReplace, header_for(AF_BRIDGE, port, NUD_NOARP, NTF_MASTER));
  request.put_mac(NDA_LLADDR, mac);
  return doing(socket.transact(request), "add {} to the bridge's table at port {}", mac.to_string(),
               port.value);
}

Result<void> remove_fdb(Socket& socket, IfIndex port, const Mac& mac) {
  Request request(RTM_DELNEIGH, 0, header_for(AF_BRIDGE, port, NUD_NOARP, NTF_MASTER));
  request.put_mac(NDA_LLADDR, mac);
  return doing(unless_absent(socket.transact(request), ENOENT, ENODEV),
               "remove {} from the bridge's table at port {}", mac.to_string(), port.value);
}

Result<std::vector<FdbEntry>> list_fdb(Socket& socket) {
  Request request(RTM_GETNEIGH, 0, header_for(AF_BRIDGE, IfIndex(), 0, 0));
  return doing(socket.list<FdbEntry>(request, parse_fdb), "list the tables of the bridges");
}

Result<void> add_neighbour(Socket& socket, IfIndex index, const IpAddress& address,
                           const Mac& mac) {
  Request request(RTM_NEWNEIGH, kReplace, header_for(family_of(address), index, NUD_PERMANENT, 0));
  request.put_ip(NDA_DST, address);
  request.put_mac(NDA_LLADDR, mac);
  return doing(socket.transact(request), "add neighbour {} ({}) at interface {}",
               address.to_string(), mac.to_string(), index.value);
}

Result<void> remove_neighbour(Socket& socket, IfIndex index, const IpAddress& address) {
  Request request(RTM_DELNEIGH, 0, header_for(family_of(address), index, 0, 0));
  request.put_ip(NDA_DST, address);
  return doing(unless_absent(socket.transact(request), ENOENT, ENODEV),
               "remove neighbour {} at interface {}", address.to_string(), index.value);
}

} // namespace ebpfnet::netlink
