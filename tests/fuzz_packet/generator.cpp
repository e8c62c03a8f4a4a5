#include "tests/fuzz_packet/generator.hpp"

#include <algorithm>

#include "tests/fuzz_packet/mutation.hpp"

namespace ebpfnet::packet {
namespace {

constexpr std::size_t kRemembered = 48;

// Keeps the newest, in the place of any.
template <class T> void remember(std::vector<T>& memory, Random& random, const T& what) {
  if (memory.size() < kRemembered) {
    memory.push_back(what);
  } else {
    memory[random.below(memory.size())] = what;
  }
}

} // namespace

Generator::Generator(const Scene& scene, Random& random) : scene_(scene), random_(random) {
  for (const char* text :
       {"203.0.113.7",    "203.0.113.8", "198.51.100.9",   "192.0.2.1",  "192.0.2.99",
        "192.0.2.255",    "172.18.0.77", "172.18.255.255", "10.55.0.99", "10.55.0.255",
        "10.66.0.255",    "10.77.0.255", "0.0.0.0",        "0.1.2.3",    "127.0.0.1",
        "127.0.0.11",     "169.254.1.1", "224.0.0.251",    "239.1.1.1",  "240.0.0.1",
        "255.255.255.255"}) {
    addresses_.push_back(ip(text));
  }
  addresses_.insert(addresses_.end(), scene.host_addresses().begin(), scene.host_addresses().end());
  macs_ = {broadcast(),
           Mac::from_bytes({0x01, 0, 0x5e, 0, 0, 0xfb}),
           Mac(),
           Mac::from_bytes({0x01, 0x80, 0xc2, 0, 0, 0}),
           Mac::from_bytes({2, 0, 0, 0, 0, 0x77}),
           scene.world().uplink_mac(),
           scene.world().router_mac()};
  for (const Party& party : scene.parties()) {
    addresses_.push_back(party.ip);
    addresses_.push_back(party.seen_by_host());
    macs_.push_back(party.mac);
    macs_.push_back(party.gateway_mac);
    macs_.push_back(scene.world().at(party.slot).veth_mac);
  }
  ports_ = {0,    1,    53,   67,   68,    80,    5000,  5001,  5353,  8000, 8001,
            8002, 8005, 8009, 8010, 40000, 40001, 51000, 60999, 61000, 65535};
}

Sample Generator::next() {
  if (!queue_.empty()) {
    Sample out = queue_.front();
    queue_.pop_front();
    return out;
  }
  Sample out = fresh();
  if (random_.one_in(12)) {
    cut_in_two(out);
    out = queue_.front();
    queue_.pop_front();
  }
  if (random_.one_in(3)) {
    spoil(out.bytes, random_);
  }
  const auto whole = read(out.bytes).ip;
  if (random_.one_in(30) && whole && whole->ports && !whole->is_fragment() &&
      whole->proto != kIcmp) {
    out.gso_size = random_.between(200, 1480);
  }
  return out;
}

Sample Generator::fresh() {
  switch (random_.below(16)) {
  case 0:
  case 1:
    return between_neighbours();
  case 2:
    return arp();
  case 3:
    return of_other_ethertype();
  case 4:
  case 5:
    return client_outside();
  case 6:
    return from_outside();
  case 7:
    return random_.one_in(2) ? to_container() : to_uplink();
  case 8:
    return random_.one_in(3) ? on_loopback() : to_uplink();
  case 9:
  case 10:
  case 11:
    return delivered_.empty() ? from_anybody() : answer();
  case 12:
    return delivered_.empty() ? from_anybody() : error();
  case 13:
    return sent_.empty() ? from_anybody() : again();
  default:
    return from_anybody();
  }
}

void Generator::saw(const Sample& sample, const Outcome& outcome) {
  if (outcome.action != kRedirect || !read(outcome.bytes).ip) {
    return;
  }
  const Mac to = mac_at(outcome.bytes, 0);
  const auto receiver = std::ranges::find(scene_.parties(), to, &Party::mac);
  const std::uint32_t slot = receiver == scene_.parties().end() ? 0 : receiver->slot;
  remember(delivered_, random_, Delivered{slot, outcome.bytes});
  remember(sent_, random_, sample);
}

Frame Generator::packet() {
  Frame out;
  const std::uint32_t kind = random_.below(20);
  if (kind < 7) {
    out = tcp(random_.one_in(4) ? random_.byte()
                                : random_.of<std::uint8_t>({kSyn, kSyn, kSyn | kAck, kAck, kAck,
                                                            kFin | kAck, kRst, kRst | kAck, 0}));
    out.seq = random_.word();
    out.ack = random_.word();
  } else if (kind < 14) {
    out = udp();
    out.without_checksum = random_.one_in(8);
  } else if (kind < 18) {
    const std::uint16_t identifier = random_.one_in(3) ? port() : random_.half();
    out = random_.one_in(4) ? echo_reply(identifier) : echo(identifier);
    if (random_.one_in(4)) {
      out.icmp_type = random_.of<std::uint8_t>({0, 3, 4, 5, 8, 11, 12, 13, 14, 17, 255});
      out.icmp_rest = random_.one_in(2) ? 0 : random_.word();
    }
  } else {
    out.proto = random_.of<std::uint8_t>({0, 2, 4, 41, 47, 50, 51, 132, 136, 255});
  }
  out.payload = random_.bytes(payload_size());
  out.ttl = random_.one_in(6) ? random_.of<std::uint8_t>({0, 1, 2, 255}) : 64;
  out.id = random_.one_in(4) ? 7 : random_.half();
  out.sport = port();
  out.dport = port();
  if (random_.one_in(10)) {
    out.options = random_.bytes(4 * random_.between(1, 10));
  }
  if (random_.one_in(6)) {
    out.fragment = random_.of<std::uint16_t>(
        {0, kMoreFragments, kMoreFragments | 2, 2, 0x8000, 0x1fff, kDontFragment | kMoreFragments});
  }
  return out;
}

std::size_t Generator::payload_size() {
  return random_.one_in(8)
             ? random_.of<std::size_t>({1400, 1452, 1460, 1461, 1472, 1473, 1480, 1481, 3000})
             : random_.below(64);
}

void Generator::vary_addresses(const Party& from, Frame& frame) {
  if (random_.one_in(12)) {
    frame.eth_src = mac();
  }
  if (random_.one_in(10)) {
    frame.src = address();
  }
  if (random_.one_in(40)) { // as a DHCP client asks
    frame.src = ip("0.0.0.0");
    frame.proto = kUdp;
    frame.sport = 68;
    frame.dport = 67;
  }
  if (random_.one_in(10)) {
    frame.eth_dst = mac();
  }
  if (random_.one_in(30)) {
    frame.dst = from.ip;
  }
}

Sample Generator::from_anybody() {
  const Party& from = anybody();
  Frame frame = packet();
  frame.eth_src = from.mac;
  frame.src = from.ip;
  frame.eth_dst = from.gateway_mac;
  frame.dst = random_.one_in(3) ? ip("203.0.113.7") : address();
  if (random_.one_in(5)) {
    frame.dst = random_.of(scene_.host_addresses());
    frame.dport = random_.of(scene_.published()).first;
  }
  vary_addresses(from, frame);
  return sent_by(from.slot, frame.bytes());
}

Sample Generator::between_neighbours() {
  const Party& from = anybody();
  const Party& to = neighbour_of(from);
  Frame frame = packet();
  frame.eth_src = from.mac;
  frame.src = from.ip;
  frame.eth_dst = to.mac;
  frame.dst = to.ip;
  vary_addresses(from, frame);
  return sent_by(from.slot, frame.bytes());
}

Sample Generator::arp() {
  const Party& from = anybody();
  Arp message{broadcast(), from.mac, 1, from.mac, from.ip, Mac(), address()};
  message.operation = random_.one_in(4) ? random_.of<std::uint16_t>({0, 2, 3, 4, 0x0100}) : 1;
  if (random_.one_in(3)) {
    message.target = random_.one_in(2) ? from.gateway : neighbour_of(from).ip;
  }
  if (random_.one_in(6)) {
    message.sender = random_.one_in(2) ? ip("0.0.0.0") : address();
  }
  if (random_.one_in(8)) {
    message.sender_mac = mac();
  }
  if (random_.one_in(4)) {
    message.eth_dst = mac();
  }
  Bytes bytes = message.bytes();
  if (random_.one_in(3)) { // as a device pads it
    bytes.resize(60);
  }
  return sent_by(from.slot, bytes);
}

Sample Generator::of_other_ethertype() {
  const Party& from = anybody();
  const auto type = random_.one_in(3)
                        ? random_.half()
                        : random_.of<std::uint16_t>({0x86dd, 0x8100, 0x88a8, 0x9100, 0x8847, 0x88cc,
                                                     0x0026, 0x05ff, 0x0600, 0x0801});
  const Mac to = random_.one_in(2) ? mac() : broadcast();
  return sent_by(from.slot, ethernet(to, random_.one_in(6) ? mac() : from.mac, type,
                                     random_.bytes(random_.between(46, 200))));
}

Sample Generator::client_outside() {
  const World& world = scene_.world();
  const PublishedRange& range = random_.of(scene_.published());
  Frame frame = packet();
  frame.proto = random_.one_in(10) ? frame.proto : range.proto;
  if (frame.flags == 0) {
    frame.flags = kSyn;
  }
  frame.eth_dst = world.uplink_mac();
  frame.eth_src = world.router_mac();
  frame.src = random_.one_in(8) ? address() : ip("198.51.100.9");
  frame.dst = range.host.is_unspecified() || random_.one_in(8) ? world.host() : range.host;
  frame.sport = random_.one_in(2) ? std::uint16_t{51000} : port();
  frame.dport = random_.one_in(2) ? range.first : range.last;
  Sample out{Hook::from_uplink, 0, 0, 0, frame.bytes()};
  return out;
}

Sample Generator::from_outside() {
  const World& world = scene_.world();
  Frame frame = packet();
  frame.eth_dst = random_.one_in(8) ? mac() : world.uplink_mac();
  frame.eth_src = world.router_mac();
  frame.src = address();
  frame.dst = random_.one_in(3) ? address() : world.host();
  return {Hook::from_uplink, 0, 0, 0, frame.bytes()};
}

Sample Generator::to_container() {
  const Party& to = anybody();
  const World& world = scene_.world();
  Frame frame = packet();
  frame.eth_dst = random_.one_in(4) ? broadcast() : to.mac;
  frame.eth_src = to.gateway_mac;
  frame.src = random_.one_in(2) ? to.gateway : address();
  frame.dst = random_.one_in(2) ? to.seen_by_host() : address();
  if (random_.one_in(4)) { // the host's error about what it forwarded for the container
    Frame about = packet();
    about.src = random_.one_in(4) ? to.ip : to.seen_by_host();
    about.dst = address();
    frame = icmp_error(random_.of<std::uint8_t>({3, 11, 12}), 0, about, random_.below(80));
    frame.eth_dst = to.mac;
    frame.eth_src = to.gateway_mac;
    frame.src = to.gateway;
    frame.dst = to.seen_by_host();
  }
  const std::vector<std::uint32_t> ways = {
      0,
      EBN_BRIDGE_IFINDEX_BASE + to.network,
      EBN_BRIDGE_IFINDEX_BASE + anybody().network,
      world.at(neighbour_of(to).slot).veth(),
      world.at(anybody().slot).veth(),
      world.uplink(),
      EBN_VETH_IFINDEX_BASE + 50, // a slot that is free
  };
  return {Hook::to_container, to.slot, random_.of(ways), 0, frame.bytes()};
}

Sample Generator::to_uplink() {
  const Party& from = anybody();
  const World& world = scene_.world();
  Frame frame = packet();
  frame.eth_dst = world.router_mac();
  frame.eth_src = world.uplink_mac();
  frame.src = random_.one_in(8) ? address() : from.seen_by_host();
  frame.dst = random_.one_in(2) ? ip("203.0.113.7") : ip("198.51.100.9");
  const std::vector<std::uint32_t> ways = {EBN_BRIDGE_IFINDEX_BASE + from.network,
                                           EBN_BRIDGE_IFINDEX_BASE + from.network,
                                           EBN_BRIDGE_IFINDEX_BASE + anybody().network,
                                           0,
                                           world.at(from.slot).veth(),
                                           world.uplink()};
  return {Hook::to_uplink, 0, random_.of(ways), 0, frame.bytes()};
}

Sample Generator::on_loopback() {
  Frame frame = packet();
  const std::uint16_t server = scene_.world().config().dns_port;
  const bool question = random_.one_in(2);
  frame.src = ip(question ? "127.0.0.1" : "127.0.0.11");
  frame.dst = ip(question ? "127.0.0.11" : "127.0.0.1");
  (question ? frame.dport : frame.sport) =
      random_.one_in(4) ? port() : (question ? std::uint16_t{53} : server);
  return {Hook::on_loopback, 0, 0, 0, frame.bytes()};
}

Sample Generator::sent_by(std::uint32_t slot, Bytes bytes) const {
  return {Hook::from_container, slot, 0, 0, std::move(bytes)};
}

const Party& Generator::neighbour_of(const Party& party) {
  std::vector<const Party*> near;
  for (const Party& other : scene_.parties()) {
    if (other.network == party.network) {
      near.push_back(&other);
    }
  }
  return *random_.of(near);
}

IpAddress Generator::address() {
  return random_.one_in(20) ? IpAddress::from_v4(random_.word()) : random_.of(addresses_);
}

Mac Generator::mac() {
  return random_.of(macs_);
}

std::uint16_t Generator::port() {
  return random_.one_in(12) ? random_.half() : random_.of(ports_);
}

} // namespace ebpfnet::packet
