#include "tests/fuzz_packet/segment.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/sysctl.hpp"
#include "tests/packet/live.hpp"

namespace ebpfnet::packet {
namespace {

constexpr std::uint32_t kSlotsUsed[kMembers] = {kCatWeb, kCatDb, kCatApp};
constexpr unsigned kPrefixLength = 16;

UniqueFd server(int netns_fd, int type) {
  UniqueFd out = netlink::open_socket_in(netns_fd, AF_INET, type, 0).value();
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(kOpenPort);
  if (::bind(out.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      (type == SOCK_STREAM && ::listen(out.get(), 4096) != 0)) {
    throw std::runtime_error("a server cannot listen");
  }
  return out;
}

} // namespace

void calm_stack() {
  const std::pair<const char*, const char*> settings[] = {
      {"net/ipv6/conf/all/disable_ipv6", "1"},
      {"net/bridge/bridge-nf-call-iptables", "0"},
      {"net/bridge/bridge-nf-call-ip6tables", "0"},
      {"net/bridge/bridge-nf-call-arptables", "0"},
      {"net/ipv4/icmp_ratemask", "0"}, // every error is worded
      {"net/ipv4/tcp_synack_retries", "0"},
      {"net/ipv4/ipfrag_time", "3600"}};
  for (const auto& [key, value] : settings) {
    static_cast<void>(netlink::write_sysctl(key, value)); // not all kernels have all of them
  }
}

const Member* Cast::owner(const IpAddress& ip) const {
  const auto* found = std::ranges::find(members, ip, &Member::ip);
  return found == members.end() ? nullptr : found;
}

const Member* Cast::owner(const Mac& mac) const {
  const auto* found = std::ranges::find(members, mac, &Member::mac);
  return found == members.end() ? nullptr : found;
}

Cast cast_of(const World& world) {
  Cast out;
  for (std::size_t i = 0; i < kMembers; ++i) {
    const Endpoint& ep = world.at(kSlotsUsed[i]);
    out.members[i] = {ep.ip, ep.mac};
    out.gateway = {ep.gateway, ep.gateway_mac};
  }
  return out;
}

Segment Segment::ours(World& world, const Cast& cast) {
  Segment out;
  attach_all(world);
  for (std::size_t i = 0; i < kMembers; ++i) {
    out.add_container(world.sandbox_netns(kSlotsUsed[i]), cast.members[i], cast);
  }
  out.netns_.push_back(own_netns());
  out.set_host(out.netns_.back().get(), fmt::format("br{}", +kCat), cast);
  return out;
}

Segment Segment::plain(World& world, const Cast& cast) {
  Segment out;
  out.netns_.push_back(netlink::create_netns(world.directory() / "plain").value());
  const int host = out.netns_.back().get();
  auto socket = netlink::Socket::open_in(host).value();
  netlink::BridgeSpec bridge;
  bridge.name = "br";
  bridge.mac = cast.gateway.mac;
  bridge.index = netlink::create_bridge(socket, bridge).value();
  netlink::set_link_up(socket, bridge.index).value();
  netlink::in_netns(host, [] {
    return netlink::write_sysctl("net/ipv4/conf/br/forwarding", "1");
  }).value();
  netlink::add_address(socket, bridge.index, cast.gateway.ip, kPrefixLength, false).value();
  for (std::size_t i = 0; i < kMembers; ++i) {
    out.netns_.push_back(
        netlink::create_netns(world.directory() / fmt::format("plain{}", i)).value());
    const int container = out.netns_.back().get();
    netlink::VethSpec spec;
    spec.host_name = fmt::format("veth{}", i);
    spec.host_mac = cast.gateway.mac;
    spec.master = bridge.index;
    spec.peer_name = "eth0";
    spec.peer_mac = cast.members[i].mac;
    spec.peer_netns_fd = container;
    netlink::create_veth(socket, spec).value();
    auto inside = netlink::Socket::open_in(container).value();
    netlink::set_link_up(socket, netlink::find_link(socket, spec.host_name).value()->index).value();
    netlink::set_link_up(inside, netlink::find_link(inside, "eth0").value()->index).value();
    out.add_container(container, cast.members[i], cast);
  }
  out.set_host(host, "br", cast);
  return out;
}

// Everybody knows everybody: no stack asks by ARP.
void Segment::add_container(int netns_fd, const Member& self, const Cast& cast) {
  netlink::run_in_netns(netns_fd, [] {
    calm_stack();
    static_cast<void>(netlink::write_sysctl("net/ipv4/ip_forward", "0"));
  }).value();
  give_address(netns_fd, self.ip, kPrefixLength, cast.gateway.ip);
  auto inside = netlink::Socket::open_in(netns_fd).value();
  const IfIndex eth0 = netlink::find_link(inside, "eth0").value()->index;
  netlink::add_neighbour(inside, eth0, cast.gateway.ip, cast.gateway.mac).value();
  for (const Member& other : cast.members) {
    if (other.ip != self.ip) {
      netlink::add_neighbour(inside, eth0, other.ip, other.mac).value();
    }
  }
  taps_.emplace_back(netns_fd, "eth0");
  servers_.push_back(server(netns_fd, SOCK_STREAM));
  servers_.push_back(server(netns_fd, SOCK_DGRAM));
}

void Segment::set_host(int netns_fd, const std::string& bridge, const Cast& cast) {
  netlink::run_in_netns(netns_fd, calm_stack).value();
  auto socket = netlink::Socket::open_in(netns_fd).value();
  const IfIndex index = netlink::find_link(socket, bridge).value()->index;
  for (const Member& member : cast.members) {
    netlink::add_neighbour(socket, index, member.ip, member.mac).value();
  }
  taps_.emplace_back(netns_fd, bridge);
}

std::vector<Receipt> Segment::take() {
  std::vector<Receipt> out;
  for (std::size_t place = 0; place < taps_.size(); ++place) {
    for (Caught& caught : taps_[place].take()) {
      out.push_back({place, std::move(caught)});
    }
  }
  return out;
}

} // namespace ebpfnet::packet
