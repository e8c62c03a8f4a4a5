#include "tests/packet/world.hpp"

#include <bpf/bpf.h>
#include <sched.h>
#include <sys/mount.h>

#include <stdexcept>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/link.hpp"
#include "daemon/netlink/neighbour.hpp"
#include "daemon/netlink/route.hpp"
#include "daemon/netlink/sysctl.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::packet {
namespace {

struct NetworkRow {
  const char* subnet;
  const char* gateway;
  std::uint32_t flags;
};

constexpr std::uint32_t kUsual = EBN_NET_IN_USE | EBN_NET_MASQUERADE;
constexpr NetworkRow kNetworkRows[kNetworks] = {
    {"", "", 0},
    {"172.18.0.0/16", "172.18.0.1", kUsual},
    {"10.55.0.0/24", "10.55.0.1", kUsual},
    {"10.66.0.0/24", "10.66.0.1", EBN_NET_IN_USE | EBN_NET_INTERNAL},
    {"10.77.0.0/24", "10.77.0.1", kUsual | EBN_NET_NO_ICC},
    {"172.18.0.0/16", "172.18.0.1", kUsual},
};

struct EndpointRow {
  std::uint32_t network;
  const char* ip;
  const char* host_address;
};

constexpr EndpointRow kEndpointRows[kSlots] = {
    {0, "", ""},
    {kCat, "172.18.0.2", ""},
    {kCat, "172.18.0.3", ""},
    {kDog, "10.55.0.2", ""},
    {kInternal, "10.66.0.2", ""},
    {kInternal, "10.66.0.3", ""},
    {kNoIcc, "10.77.0.2", ""},
    {kNoIcc, "10.77.0.3", ""},
    {kTwin, "172.18.0.2", "100.64.0.8"},
    {kTwin, "172.18.0.3", "100.64.0.9"},
    {kCat, "172.18.0.4", ""},
};

// What a test cannot go on without. The message reaches GoogleTest as a failed suite.
template <class T> T must(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().story());
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

void must(bool fine, const char* what) {
  if (!fine) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
}

Mac gateway_mac(std::uint32_t network) {
  return Mac::from_bytes({0x02, 0x42, 0xee, 0, 0, static_cast<std::uint8_t>(network)});
}

// fd00:N::/64 of network N; the twin's is that of kCat.
IpPrefix subnet6(std::uint32_t network) {
  const std::uint32_t number = network == kTwin ? std::uint32_t{kCat} : network;
  return must(IpPrefix::from(fmt::format("fd00:{:x}::/64", number)));
}

IpAddress gateway6(std::uint32_t network) {
  return subnet6(network).address().plus(1);
}

Mac endpoint_mac(std::uint32_t slot) {
  return Mac::from_bytes({0x02, 0x42, 0xaa, 0, 0, static_cast<std::uint8_t>(slot)});
}

template <class Key, class Value> void clear(view::MapView<Key, Value>& map) {
  const std::vector<Key> keys = must(map.keys());
  for (const Key& key : keys) {
    must(map.remove(key));
  }
}

// GoogleTest ends it, not the end of the process: by then libraries that it needs may be gone.
class Present : public testing::Environment {
public:
  void TearDown() override { world.reset(); }

  std::unique_ptr<World> world;
  ebn_config (*config)() = nullptr;
};
auto* const present =
    static_cast<Present*>(testing::AddGlobalTestEnvironment(std::make_unique<Present>().release()));

} // namespace

World& world_with(ebn_config (*config)()) {
  if (!present->world || present->config != config) {
    present->world.reset(); // a process stands in one network namespace only
    present->world = std::make_unique<World>(config());
    present->config = config;
  }
  return *present->world;
}

void end_world() {
  present->world.reset();
}

ebn_config default_config() {
  ebn_config out{};
  out.masq_first = 61000;
  out.masq_last = 65535;
  out.dns_port = 5353;
  out.flow_quota = 1000;
  return out;
}

World::World(const ebn_config& config) : config_(config) {
  must(::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare");
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  must(::mount("ebn-test", directory_.c_str(), "tmpfs", 0, nullptr) == 0, "mount tmpfs");
  std::filesystem::create_directory(bpffs());
  must(::mount("bpf", bpffs().c_str(), "bpf", 0, nullptr) == 0, "mount bpffs");
  socket_.emplace(must(netlink::Socket::open()));
  plane_ = must(loader::DataPlane::open({bpffs(), config}));
  must(netlink::set_link_up(*socket_, IfIndex(1))); // lo
  make_devices();
}

World::~World() {
  plane_.reset();
  ::umount2(directory_.c_str(), MNT_DETACH);
}

void World::make_devices() {
  for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
    const EndpointRow& row = kEndpointRows[slot];
    Endpoint ep{slot, row.network, ip(row.ip), endpoint_mac(slot), {}, {}, {}, {}, {}, {}};
    ep.gateway = ip(kNetworkRows[row.network].gateway);
    ep.gateway_mac = gateway_mac(row.network);
    ep.veth_mac = ep.gateway_mac;
    ep.ip6 = subnet6(row.network).address().plus(slot + 1);
    ep.gateway6 = gateway6(row.network);
    if (*row.host_address != '\0') {
      ep.host_address = ip(row.host_address);
    }
    endpoints_[slot] = ep;
  }
  for (std::uint32_t network = 1; network < kNetworks; ++network) {
    make_network(network);
  }
  for (std::uint32_t slot = 1; slot < kSlots; ++slot) {
    make_sandbox(slot);
  }
  make_uplink();
}

void World::make_network(std::uint32_t network) {
  netlink::BridgeSpec spec;
  spec.name = fmt::format("br{}", network);
  spec.index = IfIndex(EBN_BRIDGE_IFINDEX_BASE + network);
  spec.mac = gateway_mac(network);
  must(netlink::create_bridge(*socket_, spec));
  must(netlink::set_link_up(*socket_, spec.index));
  must(netlink::write_sysctl(fmt::format("net/ipv4/conf/{}/forwarding", spec.name), "1"));
  const auto subnet = must(IpPrefix::from(kNetworkRows[network].subnet));
  must(netlink::add_address(*socket_, spec.index, ip(kNetworkRows[network].gateway),
                            subnet.length(), network == kTwin));
  must(netlink::write_sysctl(fmt::format("net/ipv6/conf/{}/forwarding", spec.name), "1"));
  must(netlink::add_address(*socket_, spec.index, gateway6(network), 64, network == kTwin));
}

void World::make_sandbox(std::uint32_t slot) {
  UniqueFd netns = must(netlink::create_netns(directory_ / fmt::format("sandbox{}", slot)));
  netlink::VethSpec spec;
  spec.host_name = fmt::format("veth{}", slot);
  spec.host_index = IfIndex(at(slot).veth());
  spec.host_mac = at(slot).veth_mac;
  spec.master = IfIndex(at(slot).bridge());
  spec.peer_name = "eth0";
  spec.peer_mac = at(slot).mac;
  spec.peer_netns_fd = netns.get();
  must(netlink::create_veth(*socket_, spec));
  must(netlink::set_link_up(*socket_, spec.host_index));
  connect_to_bridge(at(slot));
  // A kernel without IPv6 has nothing to switch off. What it would send is dropped and counted.
  static_cast<void>(netlink::in_netns(
      netns.get(), [] { return netlink::write_sysctl("net/ipv6/conf/all/disable_ipv6", "1"); }));
  auto inside = must(netlink::Socket::open_in(netns.get()));
  must(netlink::set_link_up(inside, must(netlink::find_link(inside, "eth0"))->index));
  netns_[slot] = std::move(netns);
}

// As the daemon does it.
void World::connect_to_bridge(const Endpoint& ep) {
  netlink::BridgePortOptions port;
  port.learning = false;
  must(netlink::set_bridge_port(*socket_, IfIndex(ep.veth()), port));
  must(netlink::add_fdb(*socket_, IfIndex(ep.veth()), ep.mac));
  if (!ep.host_address.is_unspecified()) {
    const IfIndex bridge(ep.bridge());
    netlink::RouteSpec route;
    route.destination = IpPrefix::of(ep.host_address, 32);
    route.device = bridge;
    must(netlink::add_route(*socket_, route));
    must(netlink::add_neighbour(*socket_, bridge, ep.host_address, ep.mac));
  }
}

// host 192.0.2.10/24 -- 192.0.2.1, the router to everywhere else, in a namespace of its own.
void World::make_uplink() {
  outside_ = must(netlink::create_netns(directory_ / "outside"));
  netlink::VethSpec spec;
  uplink_mac_ = must(Mac::from("02:42:c0:00:02:0a"));
  router_mac_ = must(Mac::from("02:42:c0:00:02:01"));
  spec.host_name = "up0";
  spec.host_mac = uplink_mac_;
  spec.peer_name = "eth0";
  spec.peer_mac = router_mac_;
  spec.peer_netns_fd = outside_.get();
  must(netlink::create_veth(*socket_, spec));
  const IfIndex index = must(netlink::find_link(*socket_, "up0"))->index;
  uplink_ = index.value;
  auto inside = must(netlink::Socket::open_in(outside_.get()));
  must(netlink::set_link_up(inside, must(netlink::find_link(inside, "eth0"))->index));
  must(netlink::set_link_up(*socket_, index));
  must(netlink::add_address(*socket_, index, host(), 24, false));
  must(netlink::add_neighbour(*socket_, index, ip("192.0.2.1"), router_mac_));
  must(netlink::add_route(
      *socket_, {IpPrefix::of(ip("0.0.0.0"), 0), ip("192.0.2.1"), index, false, IpAddress(), 0}));
  must(netlink::add_address(*socket_, index, host6(), 64, false));
  must(netlink::add_neighbour(*socket_, index, ip("2001:db8::1"), router_mac_));
  must(netlink::add_route(
      *socket_, {IpPrefix::of(ip("::"), 0), ip("2001:db8::1"), index, false, IpAddress(), 0}));
  const ebn_uplink record{view::to_abi(host()), view::to_abi(host6())};
  must(maps().uplinks.put(uplink_, record));
  must(maps().host_addrs.put(view::to_abi(host()), 1));
  must(maps().host_addrs.put(view::to_abi(host6()), 1));
}

void World::write_networks() {
  for (std::uint32_t network = 1; network < kNetworks; ++network) {
    const NetworkRow& row = kNetworkRows[network];
    const auto subnet = must(IpPrefix::from(row.subnet));
    ebn_network record{};
    record.flags = row.flags;
    record.prefix4_len = subnet.length();
    record.subnet4 = view::to_abi(subnet.address());
    record.gateway4 = view::to_abi(ip(row.gateway));
    must(maps().networks.put(network, record));
    must(maps().subnets.put({subnet.mapped_length(), record.subnet4}, network));
    must(maps().host_addrs.put(record.gateway4, 1));
    ebn_dest gateway{};
    gateway.kind = EBN_DEST_GATEWAY;
    gateway.mtu = 1500;
    view::copy_mac(gateway_mac(network), gateway.mac);
    must(maps().destinations.put({network, record.gateway4}, gateway));
    const ebn_network6 record6{view::to_abi(subnet6(network).address()),
                               view::to_abi(gateway6(network)), 64, 0};
    must(maps().networks6.put(network, record6));
    must(maps().subnets.put({64, record6.subnet}, network));
    must(maps().host_addrs.put(record6.gateway, 1));
    must(maps().destinations.put({network, record6.gateway}, gateway));
    must(maps().counters.reset(NetworkIndex(network)));
  }
  must(maps().counters.reset(NetworkIndex(0)));
}

void World::write_endpoint(const Endpoint& ep, std::uint16_t flags) {
  ebn_endpoint record{};
  record.network = ep.network;
  record.sandbox = ep.sandbox();
  record.addr4 = view::to_abi(ep.ip);
  record.addr6 = view::to_abi(ep.ip6);
  if (!ep.host_address.is_unspecified()) {
    record.host_addr = view::to_abi(ep.host_address);
  }
  view::copy_mac(ep.mac, record.mac);
  view::copy_mac(ep.gateway_mac, record.gw_mac);
  record.flags = flags;
  record.mtu = 1500;
  must(maps().endpoints.put(ep.slot, record));
  ebn_dest dest{};
  dest.slot = ep.slot;
  dest.kind = EBN_DEST_ENDPOINT;
  dest.flags = static_cast<__u8>(flags & EBN_EP_NAT_LOCAL);
  dest.mtu = 1500;
  view::copy_mac(ep.mac, dest.mac);
  must(maps().destinations.put({ep.network, record.addr4}, dest));
  must(maps().destinations.put({ep.network, record.addr6}, dest));
  if (!ep.host_address.is_unspecified()) {
    must(maps().destinations.put({0, record.host_addr}, dest));
  }
  must(maps().sandbox_flows.put(ep.sandbox(), 0));
}

namespace {

// Takes everything out of a queue of values that need at most 64 bytes.
void drain(const std::filesystem::path& pin) {
  const UniqueFd fd(::bpf_obj_get(pin.c_str()));
  std::array<std::byte, 64> value;
  while (::bpf_map_lookup_and_delete_elem(fd.get(), nullptr, value.data()) == 0) {
  }
}

} // namespace

void World::reset() {
  clear(maps().flows);
  clear(maps().new_flows);
  clear(maps().masq_ports);
  view::MapView<ebn_fragment_key, ebn_fragment> fragments(
      "fragments", UniqueFd(::bpf_obj_get((pins() / "maps/fragments").c_str())));
  clear(fragments);
  drain(pins() / "maps/clock_flows");
  drain(pins() / "maps/clock_ports");
  for (std::uint32_t record = 1; record < next_record_; ++record) {
    must(maps().published.put(record, {}));
  }
  next_record_ = 1;
  maps().port_index.set(kTcp, 0, 65535, 0);
  maps().port_index.set(kUdp, 0, 65535, 0);
  write_networks();
  for (const auto& [slot, ep] : endpoints_) {
    write_endpoint(ep, 0);
  }
}

void World::set_endpoint_flags(std::uint32_t slot, std::uint16_t flags) {
  write_endpoint(at(slot), flags);
}

void World::set_network_flags(std::uint32_t network, std::uint32_t flags) {
  auto record = must(maps().networks.get(network)).value();
  record.flags = flags;
  must(maps().networks.put(network, record));
}

std::uint32_t World::publish(std::uint8_t proto, std::uint16_t first, std::uint16_t last,
                             const IpAddress& host, std::uint32_t slot, std::uint16_t target,
                             std::uint32_t next) {
  const std::uint32_t number = next_record_++;
  ebn_publish record{};
  if (host.is_unspecified()) {
    record.flags = EBN_PUB_ANY4 | EBN_PUB_ANY6;
  } else {
    record.host = view::to_abi(host);
  }
  record.slot = slot;
  record.next = next;
  record.first = first;
  record.last = last;
  record.target = target;
  record.proto = proto;
  must(maps().published.put(number, record));
  maps().port_index.set(proto, first, last, number);
  return number;
}

Outcome World::run(const std::string& program, const Bytes& bytes, std::uint32_t from,
                   std::uint32_t came_by, std::uint32_t gso_size) {
  constexpr std::size_t kRoom = 256;          // a program may make the packet longer
  constexpr __u32 kChecksumComplete = 1 << 2; // BPF_F_TEST_SKB_CHECKSUM_COMPLETE
  Outcome out;
  out.bytes.resize(bytes.size() + kRoom);
  __sk_buff context{};
  context.ifindex = from;
  context.ingress_ifindex = came_by;
  context.gso_size = gso_size;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(), .data_out = out.bytes.data(),
              .data_size_in = static_cast<__u32>(bytes.size()),
              .data_size_out = static_cast<__u32>(out.bytes.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .flags = checksum_complete_ ? kChecksumComplete : 0);
  const int fd = must(plane_->program_fd(program));
  must(::bpf_prog_test_run_opts(fd, &options) == 0, "BPF_PROG_TEST_RUN");
  out.bytes.resize(options.data_size_out);
  out.action = static_cast<int>(options.retval);
  return out;
}

Outcome World::from_container(std::uint32_t slot, const Bytes& bytes) {
  return run("tc_from_container", bytes, at(slot).veth(), at(slot).veth());
}

Outcome World::from_uplink(const Bytes& bytes) {
  return run("tc_from_uplink", bytes, uplink_, uplink_);
}

Outcome World::to_uplink(std::uint32_t network, const Bytes& bytes) {
  return run("tc_to_uplink", bytes, uplink_, network == 0 ? 0 : EBN_BRIDGE_IFINDEX_BASE + network);
}

Outcome World::to_container(std::uint32_t slot, std::uint32_t came_by, const Bytes& bytes) {
  return run("tc_to_container", bytes, at(slot).veth(), came_by);
}

std::uint64_t World::drops(std::uint32_t network, ebn_drop_reason reason) const {
  return must(plane_->maps().counters.read(NetworkIndex(network))).drops[reason];
}

std::uint64_t World::all_drops() const {
  std::uint64_t sum = 0;
  for (std::uint32_t network = 0; network < kNetworks; ++network) {
    const ebn_counters row = must(plane_->maps().counters.read(NetworkIndex(network)));
    for (const std::uint64_t drops : row.drops) {
      sum += drops;
    }
  }
  return sum;
}

std::uint64_t World::packets(std::uint32_t network, ebn_path path) const {
  return must(plane_->maps().counters.read(NetworkIndex(network))).packets[path];
}

std::uint32_t World::flows_counted(std::uint32_t slot) const {
  return must(plane_->maps().sandbox_flows.get(at(slot).sandbox())).value_or(0);
}

} // namespace ebpfnet::packet
