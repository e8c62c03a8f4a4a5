// RTM_NEWADDR, RTM_DELADDR and RTM_GETADDR.
#include "daemon/netlink/address.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

Result<ifaddrmsg> header_for(IfIndex index, const IpAddress& address, unsigned prefix_length) {
  if (const unsigned most = address.is_v4() ? 32 : 128; prefix_length > most) {
    return fail(ErrorCode::invalid, "prefix length {} of {} is outside 0..{}", prefix_length,
                address.to_string(), most);
  }
  ifaddrmsg header{};
  header.ifa_family = family_of(address);
  header.ifa_prefixlen = static_cast<__u8>(prefix_length);
  header.ifa_index = index.value;
  header.ifa_scope = address.is_loopback() ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  return header;
}

std::optional<AddressInfo> parse_address(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWADDR ||
      nlmsg_datalen(&message) < static_cast<int>(sizeof(ifaddrmsg))) {
    return std::nullopt;
  }
  const auto& header = *static_cast<const ifaddrmsg*>(nlmsg_data(&message));
  const Attributes<IFA_MAX> attributes(message, sizeof(ifaddrmsg));
  // On point-to-point links IFA_ADDRESS is the other end.
  std::optional<IpAddress> address = attributes.ip(IFA_LOCAL);
  if (!address) {
    address = attributes.ip(IFA_ADDRESS);
  }
  if (!address) {
    return std::nullopt;
  }
  const std::uint32_t flags =
      attributes.number<std::uint32_t>(IFA_FLAGS).value_or(header.ifa_flags);
  return AddressInfo{
      IfIndex(header.ifa_index),      *address,
      header.ifa_prefixlen,           header.ifa_scope,
      (flags & IFA_F_SECONDARY) == 0, (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0,
      (flags & IFA_F_DEPRECATED) != 0};
}

} // namespace

Result<void> add_address(Socket& socket, IfIndex index, const IpAddress& address,
                         unsigned prefix_length, bool no_prefix_route) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
                  TRY(header_for(index, address, prefix_length)));
  request.put_ip(IFA_LOCAL, address);
  request.put_ip(IFA_ADDRESS, address);
  if (address.is_v4() && prefix_length <= 30 && !address.is_loopback()) {
    request.put_ip(IFA_BROADCAST, IpPrefix::of(address, prefix_length).last());
  }
  const std::uint32_t flags = (no_prefix_route ? std::uint32_t{IFA_F_NOPREFIXROUTE} : 0) |
                              (address.is_v4() ? 0 : std::uint32_t{IFA_F_NODAD});
  request.put_u32(IFA_FLAGS, flags);
  return doing(socket.transact(request), "add address {}/{} to interface {}", address.to_string(),
               prefix_length, index.value);
}

Result<void> remove_address(Socket& socket, IfIndex index, const IpAddress& address,
                            unsigned prefix_length) {
  Request request(RTM_DELADDR, 0, TRY(header_for(index, address, prefix_length)));
  request.put_ip(IFA_LOCAL, address);
  request.put_ip(IFA_ADDRESS, address);
  return doing(unless_absent(socket.transact(request), EADDRNOTAVAIL, ENODEV),
               "remove address {}/{} from interface {}", address.to_string(), prefix_length,
               index.value);
}

Result<std::vector<AddressInfo>> list_addresses(Socket& socket) {
  Request request(RTM_GETADDR, 0, ifaddrmsg{});
  return doing(socket.list<AddressInfo>(request, parse_address), "list addresses");
}

} // namespace ebpfnet::netlink
