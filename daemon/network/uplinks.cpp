#include "daemon/network/uplinks.hpp"

#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <set>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/route.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network {
namespace {

struct HostView {
  std::vector<netlink::LinkInfo> links; // those that may lead outside
  std::vector<netlink::AddressInfo> addresses;
  std::vector<netlink::RouteInfo> routes;
};

// The links are asked for one by one: a list of all takes the kernel a time that grows with the
// square of the number of veths (30 ms at 1,000), and no sandbox's device is an uplink.
Result<HostView> look(const std::vector<std::string>& named) {
  auto socket = TRY(netlink::Socket::open());
  HostView out;
  out.addresses = TRY(netlink::list_addresses(socket));
  out.routes = TRY(netlink::list_routes(socket));
  const auto add = [&](const std::optional<netlink::LinkInfo>& link) {
    if (link) {
      out.links.push_back(*link);
    }
  };
  for (const std::string& name : named) {
    add(TRY(netlink::find_link(socket, name)));
  }
  if (named.empty()) {
    std::set<IfIndex> used;
    std::ranges::transform(out.addresses, std::inserter(used, used.end()),
                           &netlink::AddressInfo::index);
    std::ranges::transform(out.routes, std::inserter(used, used.end()),
                           &netlink::RouteInfo::device);
    for (const IfIndex index : used) {
      add(Uplinks::is_own(index) ? std::nullopt : TRY(netlink::find_link(socket, index)));
    }
  }
  return out;
}

// Leads outside: not ours, not lo, and has a global address or carries a route.
bool leads_outside(const netlink::LinkInfo& link, const HostView& host) {
  const bool addressed = std::ranges::any_of(host.addresses, [&](const auto& a) {
    return a.index == link.index && a.scope == RT_SCOPE_UNIVERSE;
  });
  const bool routed = std::ranges::any_of(host.routes, [&](const auto& r) {
    return r.device == link.index && r.type == RTN_UNICAST &&
           !(r.destination && r.destination->address().bytes()[0] == 0xfe);
  });
  return !link.loopback && !Uplinks::is_own(link.index) && (addressed || routed);
}

bool is_unique_local(const IpAddress& address) { // RFC 4193
  return !address.is_v4() && (address.bytes()[0] & 0xfeU) == 0xfc;
}

// What is seen outside: a global IPv6 address rather than a unique local one.
IpAddress masquerade_address(const netlink::LinkInfo& link, Family family, const HostView& host) {
  IpAddress out;
  for (const auto& address : host.addresses) {
    const bool fit = address.index == link.index && ipam::family_of(address.address) == family &&
                     address.primary && address.scope == RT_SCOPE_UNIVERSE && !address.tentative &&
                     !address.deprecated;
    if (fit &&
        (out.is_unspecified() || (is_unique_local(out) && !is_unique_local(address.address)))) {
      out = address.address;
    }
  }
  return out;
}

std::vector<IpAddress> host_addresses(const HostView& host) {
  std::vector<IpAddress> out;
  for (const auto& address : host.addresses) {
    // Nobody outside of its link can mean a link-local IPv6 address, and it is not one host's
    // alone.
    const bool reachable =
        address.address.is_v4() || (address.scope == RT_SCOPE_UNIVERSE && !address.tentative);
    if (!address.address.is_loopback() && reachable) {
      out.push_back(address.address);
    }
  }
  return out;
}

} // namespace

bool Uplinks::is_own(IfIndex index) {
  return index.value >= EBN_BRIDGE_IFINDEX_BASE;
}

Result<void> Uplinks::sync() {
  const std::scoped_lock lock(mutex_);
  const auto& named = context_.options.uplinks;
  const HostView host = TRY(look(named));
  std::set<std::uint32_t> present;
  for (const auto& link : host.links) {
    if (named.empty() && !leads_outside(link, host)) {
      continue;
    }
    present.insert(link.index.value);
    adopt({link.name,
           link.index,
           masquerade_address(link, Family::v4, host),
           masquerade_address(link, Family::v6, host),
           {}},
          link.has_ethernet_header);
  }
  std::set<std::uint32_t> stale;
  for (const auto& [index, info] : attached_) {
    stale.insert(index);
  }
  for (const auto& key : TRY(context_.plane.maps().uplinks.keys())) {
    stale.insert(key);
  }
  for (const std::string& pin : TRY(context_.plane.pinned("tc_from_uplink"))) {
    std::uint32_t index = 0;
    std::from_chars(pin.data(), pin.data() + pin.size(), index);
    stale.insert(index);
  }
  for (const std::uint32_t index : stale) {
    if (!present.contains(index)) {
      TRY_VOID(context_.plane.detach_uplink(IfIndex(index)));
      TRY_VOID(context_.plane.maps().uplinks.remove(index));
      attached_.erase(index);
    }
  }
  return sync_addresses(host_addresses(host));
}

// A device that refuses the programs (or is just going away) is shown by `status`, and does not
// stop the others.
void Uplinks::adopt(const UplinkInfo& found, bool ethernet) {
  UplinkInfo info = found;
  const auto known = attached_.find(info.index.value);
  if (known == attached_.end() || !known->second.problem.empty()) {
    if (auto attached = context_.plane.attach_uplink(info.index, ethernet); !attached) {
      info.problem = attached.error().story();
      spdlog::warn("event=uplink_failed interface={:?} error={:?}", info.name, info.problem);
    } else {
      spdlog::info("event=uplink_attached interface={:?} ifindex={} address={}", info.name,
                   info.index.value, info.address.to_string());
    }
  }
  ebn_uplink record{};
  record.addr4 = view::to_abi(info.address);
  record.addr6 = view::to_abi(info.address6);
  if (auto written = context_.plane.maps().uplinks.put(info.index.value, record);
      !written && info.problem.empty()) {
    info.problem = written.error().story();
  }
  attached_[info.index.value] = info;
}

Result<void> Uplinks::sync_addresses(const std::vector<IpAddress>& wanted) {
  auto& map = context_.plane.maps().host_addrs;
  std::set<IpAddress> stale;
  for (const auto& key : TRY(map.keys())) {
    stale.insert(view::from_abi(key));
  }
  for (const IpAddress& address : wanted) {
    if (stale.erase(address) == 0) {
      TRY_VOID(map.put(view::to_abi(address), 1));
    }
  }
  for (const IpAddress& address : stale) {
    TRY_VOID(map.remove(view::to_abi(address)));
  }
  return {};
}

std::vector<UplinkInfo> Uplinks::list() const {
  const std::scoped_lock lock(mutex_);
  std::vector<UplinkInfo> out;
  for (const auto& [index, info] : attached_) {
    out.push_back(info);
  }
  return out;
}

Result<void> Uplinks::detach_all() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [index, info] : attached_) {
    TRY_VOID(context_.plane.detach_uplink(info.index));
  }
  attached_.clear();
  return {};
}

} // namespace ebpfnet::network
