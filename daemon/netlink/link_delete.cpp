// Deletion of interfaces. RTM_DELLINK with a group number (IFLA_GROUP, Linux 3.13) is the one form
// that takes several.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/random.h>

#include <algorithm>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {
namespace {

Result<void> delete_some(Socket& socket, std::span<const IfIndex> links) {
  const std::uint32_t group = TRY(random_link_group());
  bool any = false;
  for (const IfIndex index : links) {
    const bool there = TRY(set_link_group(socket, index, group));
    any = any || there;
  }
  return any ? delete_link_group(socket, group) : Result<void>();
}

} // namespace

Result<void> delete_link(Socket& socket, IfIndex index) {
  if (index == IfIndex()) {
    return {};
  }
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index.value);
  Request request(RTM_DELLINK, 0, header);
  return doing(unless_absent(socket.transact(request), ENODEV), "delete interface {}", index.value);
}

Result<void> delete_links(Socket& socket, std::span<const IfIndex> links) {
  Result<void> first;
  while (!links.empty()) {
    const auto some = links.first(std::min(links.size(), kLinksPerDeletion));
    links = links.subspan(some.size());
    auto deleted = delete_some(socket, some);
    first = first ? std::move(deleted) : std::move(first);
  }
  return first;
}

Result<std::uint32_t> random_link_group() {
  std::uint32_t group = 0;
  if (::getrandom(&group, sizeof group, 0) != static_cast<ssize_t>(sizeof group)) {
    return fail_errno(errno, "getrandom");
  }
  return group | 1U << 31 | 1U; // neither 0, the kernel's default, nor one of those that people use
}

Result<bool> set_link_group(Socket& socket, IfIndex index, std::uint32_t group) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index.value);
  Request request(RTM_NEWLINK, 0, header);
  request.put_u32(IFLA_GROUP, group);
  auto done = socket.transact(request);
  if (!done && done.error().sys_errno == ENODEV) {
    return false;
  }
  TRY_VOID(doing(std::move(done), "put interface {} into group {}", index.value, group));
  return true;
}

Result<void> delete_link_group(Socket& socket, std::uint32_t group) {
  Request request(RTM_DELLINK, 0, ifinfomsg{});
  request.put_u32(IFLA_GROUP, group);
  return doing(unless_absent(socket.transact(request), ENODEV), "delete the interfaces of group {}",
               group);
}

} // namespace ebpfnet::netlink
