// Creation of bridges and veth pairs: one RTM_NEWLINK makes the device with its final name and
// address; what the kernel ignores at creation follows, and the device is deleted when that fails.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "daemon/netlink/link.hpp"
#include "daemon/netlink/message.hpp"

namespace ebpfnet::netlink {

namespace {

constexpr int kCreate = NLM_F_CREATE | NLM_F_EXCL;

// Deletes what was created when `finish` failed; the first error is the one reported.
Result<void> undo_unless(Socket& socket, Result<void> finish, IfIndex created) {
  if (finish) {
    return finish;
  }
  Error error = std::move(finish).error();
  if (Result<void> undone = delete_link(socket, created); !undone) {
    error.message += "; undo: " + undone.error().message;
  }
  return Failure(std::move(error));
}

Result<IfIndex> index_of(Socket& socket, const std::string& name) {
  const std::optional<LinkInfo> link = TRY(find_link(socket, name));
  if (!link) {
    return Failure(kernel_error(ENODEV, "the interface vanished right after its creation"));
  }
  return link->index;
}

// The MTU is set here and not at creation: only then does the bridge keep it when ports come and
// go.
Result<void> finish_bridge(Socket& socket, IfIndex index, const BridgeSpec& spec) {
  if (spec.mtu != 0) {
    TRY_VOID(set_link_mtu(socket, index, spec.mtu));
  }
  if (!spec.alias.empty()) {
    TRY_VOID(set_link_alias(socket, index, spec.alias));
  }
  return {};
}

void put_peer(Request& request, const VethSpec& spec) {
  const ifinfomsg peer{};
  request.append(&peer, sizeof(peer));
  request.put_string(IFLA_IFNAME, spec.peer_name);
  request.put_mac(IFLA_ADDRESS, spec.peer_mac);
  if (spec.mtu != 0) {
    request.put_u32(IFLA_MTU, spec.mtu);
  }
  request.put_u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.peer_netns_fd));
}

Request veth_request(const VethSpec& spec) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(spec.host_index.value);
  Request request(RTM_NEWLINK, kCreate, header);
  request.put_string(IFLA_IFNAME, spec.host_name);
  request.put_mac(IFLA_ADDRESS, spec.host_mac);
  if (spec.mtu != 0) {
    request.put_u32(IFLA_MTU, spec.mtu);
  }
  if (spec.master != IfIndex()) {
    request.put_u32(IFLA_MASTER, spec.master.value);
  }
  request.nest(IFLA_LINKINFO, [&] {
    request.put_string(IFLA_INFO_KIND, "veth");
    request.nest(IFLA_INFO_DATA,
                 [&] { request.nest(VETH_INFO_PEER, [&] { put_peer(request, spec); }); });
  });
  return request;
}

// A device has no IPv6 when the kernel has none or the MTU is below 1280: as good.
Result<void> without_link_local_address(Socket& socket, IfIndex index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index.value);
  Request request(RTM_NEWLINK, 0, header);
  request.nest(IFLA_AF_SPEC, [&] {
    request.nest(AF_INET6,
                 [&] { request.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  return unless_absent(socket.transact(request), EAFNOSUPPORT);
}

// What the kernel ignores at creation.
Result<void> finish_veth(Socket& socket, IfIndex index, const VethSpec& spec) {
  if (!spec.host_alias.empty()) {
    TRY_VOID(set_link_alias(socket, index, spec.host_alias));
  }
  return without_link_local_address(socket, index);
}

Result<void> make_veth(Socket& socket, const VethSpec& spec) {
  Request request = veth_request(spec);
  TRY_VOID(socket.transact(request));
  const IfIndex index =
      spec.host_index != IfIndex() ? spec.host_index : TRY(index_of(socket, spec.host_name));
  return undo_unless(socket, finish_veth(socket, index, spec), index);
}

} // namespace

Result<IfIndex> create_bridge(Socket& socket, const BridgeSpec& spec) {
  TRY_VOID(doing(check_link_name(spec.name), "create bridge"));
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(spec.index.value);
  Request request(RTM_NEWLINK, kCreate, header);
  request.put_string(IFLA_IFNAME, spec.name);
  request.put_mac(IFLA_ADDRESS, spec.mac);
  request.nest(IFLA_LINKINFO, [&] {
    request.put_string(IFLA_INFO_KIND, "bridge");
    request.nest(IFLA_INFO_DATA, [&] {
      request.put_u32(IFLA_BR_STP_STATE, 0);
      request.put_u32(IFLA_BR_FORWARD_DELAY, 0);
      request.put_u8(IFLA_BR_MCAST_SNOOPING, 0);
    });
  });
  TRY_VOID(doing(socket.transact(request), "create bridge '{}'", spec.name));
  const IfIndex index = TRY(doing(index_of(socket, spec.name), "create bridge '{}'", spec.name));
  TRY_VOID(doing(undo_unless(socket, finish_bridge(socket, index, spec), index),
                 "create bridge '{}'", spec.name));
  return index;
}

Result<void> create_veth(Socket& socket, const VethSpec& spec) {
  TRY_VOID(doing(check_link_name(spec.host_name), "create veth"));
  TRY_VOID(doing(check_link_name(spec.peer_name), "create veth '{}'", spec.host_name));
  if (spec.peer_netns_fd < 0) {
    return fail(ErrorCode::invalid, "create veth '{}': no network namespace for its peer",
                spec.host_name);
  }
  return doing(make_veth(socket, spec), "create veth '{}' (interface {}, peer '{}')",
               spec.host_name, spec.host_index.value, spec.peer_name);
}

} // namespace ebpfnet::netlink
