// Reading and changing interfaces; link_create.cpp makes them, link_delete.cpp deletes.
#include "daemon/netlink/link.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <algorithm>

#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

ifinfomsg header_for(IfIndex index, int family = AF_UNSPEC) {
  ifinfomsg header{};
  header.ifi_family = static_cast<unsigned char>(family);
  header.ifi_index = static_cast<int>(index.value);
  return header;
}

std::optional<LinkInfo> parse_link(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK ||
      nlmsg_datalen(&message) < static_cast<int>(sizeof(ifinfomsg))) {
    return std::nullopt;
  }
  const auto& header = *static_cast<const ifinfomsg*>(nlmsg_data(&message));
  const Attributes<IFLA_MAX> attributes(message, sizeof(ifinfomsg));
  LinkInfo link;
  link.index = IfIndex(static_cast<std::uint32_t>(header.ifi_index));
  link.name = attributes.text(IFLA_IFNAME);
  link.alias = attributes.text(IFLA_IFALIAS);
  link.mac = attributes.mac(IFLA_ADDRESS).value_or(Mac());
  link.mtu = attributes.u32(IFLA_MTU);
  link.master = IfIndex(attributes.u32(IFLA_MASTER));
  link.up = (header.ifi_flags & IFF_UP) != 0;
  link.carrier = attributes.number<std::uint8_t>(IFLA_CARRIER).value_or(0) != 0;
  link.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  link.has_ethernet_header = header.ifi_type == ARPHRD_ETHER || header.ifi_type == ARPHRD_LOOPBACK;
  link.link_netnsid = attributes.number<std::int32_t>(IFLA_LINK_NETNSID).value_or(-1);
  if (const nlattr* info = attributes[IFLA_LINKINFO]) {
    link.kind = Attributes<IFLA_INFO_MAX>(info).text(IFLA_INFO_KIND);
  }
  return link;
}

Result<std::optional<LinkInfo>> fetch_link(Socket& socket, Request& request) {
  std::optional<LinkInfo> found;
  TRY_VOID(unless_absent(
      socket.fetch(request, [&](const nlmsghdr& message) { found = parse_link(message); }),
      ENODEV));
  return found;
}

// IFF_UP on or off, and nothing else of the flags.
Result<void> set_up_flag(Socket& socket, IfIndex index, unsigned flags) {
  ifinfomsg header = header_for(index);
  header.ifi_change = IFF_UP;
  header.ifi_flags = flags;
  Request request(RTM_NEWLINK, 0, header);
  return socket.transact(request);
}

} // namespace

Result<std::vector<LinkInfo>> list_links(Socket& socket) {
  Request request(RTM_GETLINK, 0, header_for(IfIndex()));
  return doing(socket.list<LinkInfo>(request, parse_link), "list interfaces");
}

Result<std::optional<LinkInfo>> find_link(Socket& socket, std::string_view name) {
  if (!check_link_name(name)) {
    return std::optional<LinkInfo>();
  }
  Request request(RTM_GETLINK, 0, header_for(IfIndex()));
  request.put_string(IFLA_IFNAME, name);
  return doing(fetch_link(socket, request), "find interface '{}'", name);
}

Result<std::optional<LinkInfo>> find_link(Socket& socket, IfIndex index) {
  if (index == IfIndex()) {
    return std::optional<LinkInfo>();
  }
  Request request(RTM_GETLINK, 0, header_for(index));
  return doing(fetch_link(socket, request), "find interface {}", index.value);
}

Result<void> check_link_name(std::string_view name) {
  const auto refused = [](unsigned char c) {
    return c <= ' ' || c == 0x7f || c == '/' || c == ':' || c == '%';
  };
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
      std::any_of(name.begin(), name.end(), refused)) {
    return fail(ErrorCode::invalid,
                "'{}' is not a name for an interface: it takes 1 to {} characters without blanks, "
                "'/', ':' and '%'",
                name, IFNAMSIZ - 1);
  }
  return {};
}

Result<void> set_link_up(Socket& socket, IfIndex index) {
  return doing(set_up_flag(socket, index, IFF_UP), "set interface {} up", index.value);
}

Result<void> set_link_down(Socket& socket, IfIndex index) {
  return doing(set_up_flag(socket, index, 0), "set interface {} down", index.value);
}

Result<void> set_link_alias(Socket& socket, IfIndex index, std::string_view alias) {
  Request request(RTM_NEWLINK, 0, header_for(index));
  request.put(IFLA_IFALIAS, alias.data(), alias.size());
  return doing(socket.transact(request), "set the alias of interface {} to '{}'", index.value,
               alias);
}

Result<void> set_link_mtu(Socket& socket, IfIndex index, std::uint32_t mtu) {
  Request request(RTM_NEWLINK, 0, header_for(index));
  request.put_u32(IFLA_MTU, mtu);
  return doing(socket.transact(request), "set the MTU of interface {} to {}", index.value, mtu);
}

Result<void> set_link_master(Socket& socket, IfIndex index, IfIndex master) {
  Request request(RTM_NEWLINK, 0, header_for(index));
  request.put_u32(IFLA_MASTER, master.value);
  return doing(socket.transact(request), "attach interface {} to bridge {}", index.value,
               master.value);
}

Result<void> set_bridge_port(Socket& socket, IfIndex port, const BridgePortOptions& options) {
  Request request(RTM_SETLINK, 0, header_for(port, AF_BRIDGE));
  request.nest(IFLA_PROTINFO | NLA_F_NESTED, [&] {
    request.put_u8(IFLA_BRPORT_LEARNING, options.learning);
    request.put_u8(IFLA_BRPORT_UNICAST_FLOOD, options.unicast_flood);
    request.put_u8(IFLA_BRPORT_MCAST_FLOOD, options.multicast_flood);
    request.put_u8(IFLA_BRPORT_BCAST_FLOOD, options.broadcast_flood);
    request.put_u8(IFLA_BRPORT_MODE, options.hairpin);
    request.put_u8(IFLA_BRPORT_ISOLATED, options.isolated);
  });
  return doing(socket.transact(request), "set the options of bridge port {}", port.value);
}

} // namespace ebpfnet::netlink
