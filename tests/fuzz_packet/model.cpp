#include "tests/fuzz_packet/model.hpp"

#include <fmt/format.h>

namespace ebpfnet::packet {

Expected untouched(const Bytes& in) {
  Expected out;
  out.output = [in](const Bytes& bytes) { return difference(in, bytes, Rewrite{}); };
  return out;
}

Expected dropped(std::uint32_t network, std::set<ebn_drop_reason> reasons) {
  Expected out;
  out.action = kShot;
  out.network = network;
  out.reasons = std::move(reasons);
  out.output = [](const Bytes&) { return std::string(); };
  return out;
}

Expected passed(const Sample& sample, std::uint32_t network, ebn_path path) {
  Expected out = untouched(sample.bytes);
  out.network = network;
  out.path = path;
  return out;
}

Expected redirected(const Sample& sample, std::uint32_t network, ebn_path path, const Ipv4& ip,
                    const Rewrite& rewrite) {
  Expected out;
  out.action = kRedirect;
  out.network = network;
  out.path = path;
  out.output = [in = sample.bytes, ip, rewrite](const Bytes& bytes) {
    return difference(in, bytes, ip, rewrite);
  };
  return out;
}

Rewrite routed_to(const Party& to) {
  Rewrite out;
  out.eth_dst = to.mac;
  out.eth_src = to.gateway_mac;
  return out;
}

bool is_martian(const IpAddress& address) {
  const std::uint32_t first = address.v4() >> 24;
  return first == 0 || first == 127 || first >= 224;
}

std::uint8_t one_hop_less(std::uint8_t ttl) {
  return static_cast<std::uint8_t>(ttl > 1 ? ttl - 1 : ttl);
}

bool opens_flow(const Ipv4& ip) {
  if (ip.proto == kTcp) {
    return (ip.tcp_flags & (kSyn | kAck | kRst)) == kSyn;
  }
  return ip.proto == kUdp || (ip.proto == kIcmp && !ip.later_fragment && ip.icmp_type == 8);
}

bool may_be_fragment_of_ports(const Ipv4& ip) {
  return ip.is_fragment() && (ip.proto == kTcp || ip.proto == kUdp || ip.proto == kIcmp);
}

Expected Model::expect(const Sample& sample) const {
  switch (sample.hook) {
  case Hook::from_container:
    return from_container(sample);
  case Hook::to_container:
    return to_container(sample);
  case Hook::from_uplink:
    return from_uplink(sample);
  case Hook::to_uplink:
    return to_uplink(sample);
  case Hook::on_loopback:
    break;
  }
  return on_loopback(sample);
}

std::optional<Model::Case> Model::with_ports(const Sample& sample, const Ipv4& ip,
                                             std::uint32_t scope) const {
  Case out{sample, ip, ip.ports};
  if (ip.later_fragment && may_be_fragment_of_ports(ip)) {
    out.ports = state_.fragment_ports(scope, ip);
    if (!out.ports) {
      return std::nullopt;
    }
  }
  return out;
}

// As the World's routing table is: everything is behind the uplink but what is the host's own.
bool Model::has_route(const Case& c) const {
  std::size_t length = c.ip.length();
  if (c.sample.gso_size != 0) {
    const std::size_t header = c.ip.proto == kTcp ? 20 : 8;
    length = (c.ip.transport - c.ip.at) + header + c.sample.gso_size;
  }
  return !scene_.is_host_address(c.ip.dst) && !scene_.in_some_subnet(c.ip.dst) &&
         !is_martian(c.ip.dst) && c.ip.dst != ip("192.0.2.255") && length <= 1500 &&
         // Into a network of ours, by the address that is unique on the host: not by the programs.
         std::ranges::none_of(scene_.parties(),
                              [&](const Party& party) { return party.host_address == c.ip.dst; });
}

bool Model::in_masquerade_range(std::uint16_t port) const {
  const ebn_config& config = scene_.world().config();
  return port >= config.masq_first && port <= config.masq_last;
}

// The host's side of an overlapping network.
Expected Model::swapped(const Case& c, Expected base, const IpAddress& old,
                        const IpAddress& now) const {
  Rewrite rewrite;
  const auto in_place_of = [&](const IpAddress& address) {
    return address == old ? std::optional(now) : std::nullopt;
  };
  rewrite.src = in_place_of(c.ip.src);
  rewrite.dst = in_place_of(c.ip.dst);
  if (const auto quoted = c.ip.is_error() ? read_quoted(c.sample.bytes, c.ip) : std::nullopt) {
    rewrite.quoted_src = in_place_of(quoted->src);
    rewrite.quoted_dst = in_place_of(quoted->dst);
  }
  base.output = [in = c.sample.bytes, ip = c.ip, rewrite](const Bytes& out) {
    return difference(in, out, ip, rewrite);
  };
  return base;
}

namespace {

// RFC 9293, 3.10.7.1: what answers the segment at `ip`.
std::string compare_reset(const Bytes& in, const Ipv4& ip, const Bytes& out) {
  const auto got = read(out).ip;
  const std::size_t tcp = ip.transport;
  const std::uint8_t flags = in[tcp + 13];
  const std::size_t payload = ip.end - tcp - static_cast<std::size_t>(in[tcp + 12] >> 4) * 4;
  const std::uint32_t sequence =
      static_cast<std::uint32_t>(half_at(in, tcp + 4)) << 16 | half_at(in, tcp + 6);
  const auto covered = static_cast<std::uint32_t>(payload + ((flags & kSyn) != 0 ? 1 : 0) +
                                                  ((flags & kFin) != 0 ? 1 : 0));
  if (!got || out.size() != 54 || got->end != 54 || !checksums_hold(out, *got)) {
    return "not a reset of 54 bytes with valid checksums: " + hex(out);
  }
  const bool answers = mac_at(out, 0) == mac_at(in, 6) && mac_at(out, 6) == mac_at(in, 0) &&
                       got->src == ip.dst && got->dst == ip.src &&
                       got->ports == Ports{ip.ports->destination, ip.ports->source};
  const bool acknowledges = (flags & kAck) == 0;
  const std::uint32_t number =
      acknowledges ? sequence + covered
                   : static_cast<std::uint32_t>(half_at(in, tcp + 8)) << 16 | half_at(in, tcp + 10);
  const std::size_t field = acknowledges ? 42 : 38;
  const std::size_t zero = acknowledges ? 38 : 42;
  const bool numbers = half_at(out, field) == number >> 16 &&
                       half_at(out, field + 2) == (number & 0xffff) && half_at(out, zero) == 0 &&
                       half_at(out, zero + 2) == 0;
  const bool is_reset = got->tcp_flags == (acknowledges ? kRst | kAck : kRst);
  return answers && numbers && is_reset ? std::string() : "not the reset that answers: " + hex(out);
}

} // namespace

Expected Model::stray_segment(const Case& c, std::uint32_t network, Reasons reasons) const {
  Expected out = dropped(network, std::move(reasons));
  const bool answerable = c.ip.proto == kTcp && !c.ip.is_fragment() &&
                          (c.ip.tcp_flags & kRst) == 0 && c.ip.transport == c.ip.at + 20;
  if (answerable && out.reasons == Reasons{EBN_DROP_NO_FLOW}) {
    out.reset = true;
    out.action = kRedirect;
    out.output = [in = c.sample.bytes, ip = c.ip](const Bytes& bytes) {
      return compare_reset(in, ip, bytes);
    };
  }
  return out;
}

// What arrives in a container through the bridge or from the host's stack.
Expected Model::to_container(const Sample& sample) const {
  const Party* to = scene_.party(sample.slot);
  if (to == nullptr) {
    return dropped(0, {EBN_DROP_UNKNOWN_ENDPOINT});
  }
  const std::uint32_t bridge = EBN_BRIDGE_IFINDEX_BASE + to->network;
  const Party* sender = sample.came_by >= EBN_VETH_IFINDEX_BASE
                            ? scene_.party(sample.came_by - EBN_VETH_IFINDEX_BASE)
                            : nullptr;
  const bool other_bridge = sample.came_by >= EBN_BRIDGE_IFINDEX_BASE &&
                            sample.came_by < EBN_BRIDGE_IFINDEX_BASE + EBN_MAX_NETWORKS &&
                            sample.came_by != bridge;
  const bool of_network =
      sample.came_by == bridge || (sender != nullptr && sender->network == to->network);
  if (of_network && scene_.is(to->network, EBN_NET_NO_ICC)) {
    return dropped(to->network, {EBN_DROP_NO_ICC});
  }
  if (sample.came_by != 0 && !of_network) {
    const bool inside = sender != nullptr || other_bridge;
    return dropped(to->network, {inside ? EBN_DROP_ISOLATED : EBN_DROP_DIRECT_ACCESS});
  }
  Expected out = passed(sample, to->network, EBN_PATH_HOST);
  const auto ip = read(sample.bytes, sample.gso_size != 0).ip;
  if (ip && !to->host_address.is_unspecified() && ip->dst == to->host_address) {
    return swapped({sample, *ip, ip->ports}, out, to->host_address, to->ip);
  }
  return out;
}

// 127.0.0.11 port 53 is the daemon's server on another port.
Expected Model::on_loopback(const Sample& sample) const {
  const auto packet = read(sample.bytes, sample.gso_size != 0).ip;
  const IpAddress server = ip("127.0.0.11");
  const std::uint16_t port = scene_.world().config().dns_port;
  Expected out = untouched(sample.bytes);
  if (!packet || !packet->ports || packet->proto == kIcmp) {
    return out;
  }
  Rewrite rewrite;
  if (packet->dst == server && packet->ports->destination == 53) {
    rewrite.ports = Ports{packet->ports->source, port};
  } else if (packet->src == server && packet->ports->source == port) {
    rewrite.ports = Ports{53, packet->ports->destination};
  }
  out.output = [in = sample.bytes, packet = *packet, rewrite](const Bytes& bytes) {
    return difference(in, bytes, packet, rewrite);
  };
  return out;
}

} // namespace ebpfnet::packet
