// RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE.
#include "daemon/netlink/route.hpp"

#include <sys/socket.h>

#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

using RouteAttributes = Attributes<RTA_MAX>;

// Both families must be one; IPv4 through an IPv6 gateway is not offered.
Result<void> check_families(const RouteSpec& spec) {
  for (const IpAddress* address : {&spec.gateway, &spec.source}) {
    if (!address->is_unspecified() && address->is_v4() != spec.destination.is_v4()) {
      return fail(ErrorCode::invalid, "{} is of another IP version than the destination",
                  address->to_string());
    }
  }
  return {};
}

rtmsg header_for(const IpPrefix& destination) {
  rtmsg header{};
  header.rtm_family = family_of(destination.address());
  header.rtm_dst_len = static_cast<unsigned char>(destination.length());
  header.rtm_table = RT_TABLE_MAIN;
  return header;
}

void put_path(Request& request, const RouteSpec& spec) {
  if (spec.destination.length() != 0) {
    request.put_ip(RTA_DST, spec.destination.address());
  }
  if (!spec.gateway.is_unspecified()) {
    request.put_ip(RTA_GATEWAY, spec.gateway);
  }
  if (spec.device != IfIndex()) {
    request.put_u32(RTA_OIF, spec.device.value);
  }
  if (spec.metric != 0) {
    request.put_u32(RTA_PRIORITY, spec.metric);
  }
}

std::optional<RouteInfo> parse_route(const nlmsghdr& message, const RouteAttributes& attributes) {
  const auto& header = *static_cast<const rtmsg*>(nlmsg_data(&message));
  const bool v4 = header.rtm_family == AF_INET;
  if ((!v4 && header.rtm_family != AF_INET6) || (header.rtm_flags & RTM_F_CLONED) != 0) {
    return std::nullopt;
  }
  const IpAddress none = v4 ? IpAddress::from_v4(0) : IpAddress();
  RouteInfo route;
  route.destination = IpPrefix::of(attributes.ip(RTA_DST).value_or(none), header.rtm_dst_len);
  route.device = IfIndex(attributes.u32(RTA_OIF));
  route.gateway = attributes.ip(RTA_GATEWAY).value_or(IpAddress());
  route.metric = attributes.u32(RTA_PRIORITY);
  route.type = header.rtm_type;
  route.scope = header.rtm_scope;
  route.protocol = header.rtm_protocol;
  return route;
}

// The route itself, or one copy per next hop.
std::vector<RouteInfo> expand(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWROUTE ||
      nlmsg_datalen(&message) < static_cast<int>(sizeof(rtmsg))) {
    return {};
  }
  const RouteAttributes attributes(message, sizeof(rtmsg));
  const std::optional<RouteInfo> route = parse_route(message, attributes);
  if (!route) {
    return {};
  }
  const nlattr* multipath = attributes[RTA_MULTIPATH];
  if (multipath == nullptr) {
    return {*route};
  }
  std::vector<RouteInfo> routes;
  auto* hop = static_cast<rtnexthop*>(nla_data(multipath));
  for (int left = nla_len(multipath); RTNH_OK(hop, left);) {
    const RouteAttributes hop_attributes(RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0));
    routes.push_back(*route);
    routes.back().device = IfIndex(static_cast<std::uint32_t>(hop->rtnh_ifindex));
    routes.back().gateway = hop_attributes.ip(RTA_GATEWAY).value_or(IpAddress());
    left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
    hop = RTNH_NEXT(hop);
  }
  return routes;
}

} // namespace

Result<void> add_route(Socket& socket, const RouteSpec& spec) {
  TRY_VOID(doing(check_families(spec), "add route {}", spec.destination.to_string()));
  rtmsg header = header_for(spec.destination);
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  const bool on_link_only = spec.destination.is_v4() && spec.gateway.is_unspecified();
  header.rtm_scope = on_link_only ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_flags = spec.onlink ? RTNH_F_ONLINK : 0;
  Request request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header);
  put_path(request, spec);
  if (!spec.source.is_unspecified()) {
    request.put_ip(RTA_PREFSRC, spec.source);
  }
  return doing(socket.transact(request), "add route {} at interface {}",
               spec.destination.to_string(), spec.device.value);
}

Result<void> remove_route(Socket& socket, const RouteSpec& spec) {
  TRY_VOID(doing(check_families(spec), "remove route {}", spec.destination.to_string()));
  rtmsg header = header_for(spec.destination);
  header.rtm_scope = RT_SCOPE_NOWHERE; // any
  Request request(RTM_DELROUTE, 0, header);
  put_path(request, spec);
  return doing(unless_absent(socket.transact(request), ESRCH, ENODEV),
               "remove route {} at interface {}", spec.destination.to_string(), spec.device.value);
}

Result<std::vector<RouteInfo>> list_routes(Socket& socket, unsigned table) {
  std::vector<RouteInfo> routes;
  for (const int family : {AF_INET, AF_INET6}) {
    rtmsg header{};
    header.rtm_family = static_cast<unsigned char>(family);
    Request request(RTM_GETROUTE, 0, header);
    request.put_u32(RTA_TABLE, table);
    auto dumped = socket.list<std::vector<RouteInfo>>(
        request, [](const nlmsghdr& message) { return std::optional(expand(message)); });
    if (!dumped && dumped.error().sys_errno == ENOENT) {
      continue; // nobody has used this table yet
    }
    for (const std::vector<RouteInfo>& part : TRY(doing(std::move(dumped), "list routes"))) {
      routes.insert(routes.end(), part.begin(), part.end());
    }
  }
  return routes;
}

} // namespace ebpfnet::netlink
