#include "tests/fuzz_packet/rules.hpp"

#include <algorithm>

namespace ebpfnet::packet {
namespace {

// A copy keeps what its checksums were worth; what a stack made is right.
std::string checksums(const Caught& caught, const Ipv4& ip, const Shot* shot) {
  const Sums now = sums_of(caught.bytes, ip, caught.partial);
  Sums before{true, true};
  if (shot != nullptr) {
    if (!shot->reading.ip) {
      return caught.bytes == shot->bytes ? "" : "a packet that cannot be read was changed";
    }
    before = sums_of(shot->bytes, *shot->reading.ip, shot->partial);
  }
  if (now.header != before.header) {
    return now.header ? "a wrong header checksum was made right" : "a wrong header checksum";
  }
  if (now.transport && before.transport && *now.transport != *before.transport) {
    return *now.transport ? "a wrong transport checksum was made right"
                          : "a wrong transport checksum";
  }
  return "";
}

bool asks_dhcp(const Ipv4& ip) {
  return ip.src == IpAddress::from_v4(0) && ip.proto == kUdp && ip.ports == Ports{68, 67};
}

std::string first_of(std::initializer_list<std::string> problems) {
  const auto* found =
      std::ranges::find_if(problems, [](const auto& text) { return !text.empty(); });
  return found == problems.end() ? "" : *found;
}

} // namespace

std::string Rules::at_wire(const Caught& caught, const Shot* shot) const {
  const Reading reading = read(caught.bytes);
  const Party* from = sender(shot);
  if (reading.src != scene_.world().uplink_mac()) {
    return "a foreign MAC address";
  }
  if (reading.arp) {
    return from == nullptr && scene_.is_host_address(reading.arp->sender) ? "" : "a foreign ARP";
  }
  if (!reading.ip) {
    return "neither IPv4 nor ARP";
  }
  if (!scene_.is_host_address(reading.ip->src)) {
    return "a foreign source address";
  }
  if (from != nullptr && scene_.is(from->network, EBN_NET_INTERNAL)) {
    return "a frame of an internal network";
  }
  if (from != nullptr && !scene_.is(from->network, EBN_NET_MASQUERADE) &&
      !is_reply_of(*from, *reading.ip)) {
    return "a frame of a network that does not masquerade";
  }
  return first_of({forged(shot), checksums(caught, *reading.ip, shot)});
}

std::string Rules::at_container(const Party& at, const Caught& caught, const Shot* shot) const {
  const Reading reading = read(caught.bytes);
  if (reading.is_tagged()) {
    return "a VLAN tag";
  }
  if (reading.ethertype == 0x86dd) {
    return "IPv6";
  }
  return first_of({forged(shot), source(at, reading, shot), way(at, reading, shot),
                   reading.ip ? checksums(caught, *reading.ip, shot) : std::string()});
}

std::string Rules::at_bridge(std::uint32_t network, const Caught& caught, const Shot* shot) const {
  const Reading reading = read(caught.bytes);
  const Party* from = sender(shot);
  if (shot != nullptr && (from == nullptr || from->network != network)) {
    return "a frame of another network";
  }
  if (from != nullptr && from->may_spoof()) {
    return "";
  }
  if (!is_member_mac(network, reading.src)) {
    return "a foreign MAC address";
  }
  const auto known = [&](const IpAddress& address) {
    return std::ranges::any_of(scene_.parties(), [&](const Party& party) {
      return party.network == network && (party.ip == address || party.seen_by_host() == address);
    });
  };
  if (reading.ip && !asks_dhcp(*reading.ip) && !known(reading.ip->src)) {
    return "a foreign source address";
  }
  return first_of(
      {forged(shot), reading.ip ? checksums(caught, *reading.ip, shot) : std::string()});
}

// Nothing comes out of what a container sent with a foreign source.
std::string Rules::forged(const Shot* shot) const {
  const Party* from = sender(shot);
  if (from == nullptr || from->may_spoof()) {
    return "";
  }
  const Reading& sent = shot->reading;
  const bool address = sent.ip && sent.ip->src != from->ip && !asks_dhcp(*sent.ip);
  const bool claim =
      sent.arp && (sent.arp->sender_mac != from->mac ||
                   (sent.arp->sender != from->ip && sent.arp->sender != ip("0.0.0.0")));
  return sent.src != from->mac || address || claim ? "sent with a foreign source" : "";
}

// Whose addresses the frame bears.
std::string Rules::source(const Party& at, const Reading& reading, const Shot* shot) const {
  const Party* from = sender(shot);
  if (from != nullptr && from->may_spoof()) {
    return "";
  }
  if (!is_member_mac(at.network, reading.src) && reading.src != at.gateway_mac) {
    return "a foreign MAC address";
  }
  if (reading.arp) {
    const IpAddress& claimed = reading.arp->sender;
    bool fine = false;
    if (from == &at && reading.arp->operation == 2) { // the answer of a program
      const Party* owner = scene_.owner(at.network, claimed);
      fine = claimed == shot->reading.arp->target &&
             reading.arp->sender_mac == (owner != nullptr ? owner->mac : at.gateway_mac);
    } else if (from != nullptr) {
      fine = claimed == from->ip || claimed == ip("0.0.0.0");
    } else {
      fine = is_member_address(at.network, claimed) || scene_.is_host_address(claimed);
    }
    return fine ? "" : "an ARP message that claims a foreign address";
  }
  if (!reading.ip) {
    return "";
  }
  const IpAddress& src = reading.ip->src;
  if (from != nullptr) {
    const bool own = src == from->ip || src == from->seen_by_host() || asks_dhcp(*reading.ip);
    return own || scene_.is_host_address(src) ? "" : "a foreign source address";
  }
  const bool of_another = scene_.in_some_subnet(src) && !is_member_address(at.network, src) &&
                          !scene_.is_host_address(src);
  return of_another && !serves_others(at) ? "an address of another network" : "";
}

// Across which networks the frame came.
std::string Rules::way(const Party& at, const Reading& reading, const Shot* shot) const {
  const Party* from = sender(shot);
  if (shot == nullptr) {
    return "";
  }
  if (from == nullptr) {
    return reading.ip ? way_from_wire(at, *reading.ip, *shot) : "a frame of the wire";
  }
  const bool same = from->network == at.network;
  if (same && (!scene_.is(at.network, EBN_NET_NO_ICC) || from == &at)) {
    return "";
  }
  if (!reading.ip || !through_publishing(*from, at, *reading.ip, *shot)) {
    return same ? "a frame between endpoints that may not talk" : "a frame of another network";
  }
  // An error may leave by another network of the sandbox than its flow.
  const bool from_internal = reading.ip->is_error() ? !has_open_network(*from)
                                                    : scene_.is(from->network, EBN_NET_INTERNAL);
  return !same && (from_internal || scene_.is(at.network, EBN_NET_INTERNAL))
             ? "a frame across the border of an internal network"
             : "";
}

// Replies to the host's address, clients of published ports, errors about both.
std::string Rules::way_from_wire(const Party& at, const Ipv4& ip, const Shot& shot) const {
  const auto& sent = shot.reading.ip;
  if (scene_.is(at.network, EBN_NET_INTERNAL)) {
    return "a frame of the wire in an internal network";
  }
  if (!sent || !scene_.is_host_address(sent->dst) || (ip.dst != at.ip && !at.may_spoof())) {
    return "direct access";
  }
  if (sent->is_error() || sent->later_fragment) {
    return "";
  }
  const ebn_config& config = scene_.world().config();
  const std::uint16_t port = sent->ports ? sent->ports->destination : 0;
  if (sent->ports && port >= config.masq_first && port <= config.masq_last) {
    return "";
  }
  const PublishedRange* range =
      sent->ports ? scene_.published_for(sent->proto, sent->dst, port) : nullptr;
  return range != nullptr && range->slot == at.slot ? "" : "a port that is not published";
}

// Whether the shot is a client's packet to a published port of `at`, or a server's reply.
bool Rules::through_publishing(const Party& from, const Party& at, const Ipv4& ip,
                               const Shot& shot) const {
  const auto& sent = shot.reading.ip;
  if (!sent) {
    return false;
  }
  const bool to_host = scene_.is_host_address(sent->dst);
  const bool as_host = scene_.is_host_address(ip.src);
  if (sent->is_error() || sent->later_fragment) {
    return (to_host && serves_others(at)) || (as_host && serves_others(from));
  }
  if (!sent->ports || !ip.ports) {
    return false;
  }
  const PublishedRange* range =
      to_host ? scene_.published_for(sent->proto, sent->dst, sent->ports->destination) : nullptr;
  return (range != nullptr && range->slot == at.slot) || (as_host && is_reply_of(from, ip));
}

bool Rules::serves_others(const Party& at) const {
  return std::ranges::any_of(scene_.published(), [&](const PublishedRange& range) {
    return scene_.party(range.slot)->sandbox == at.sandbox;
  });
}

bool Rules::has_open_network(const Party& at) const {
  return std::ranges::any_of(scene_.parties(), [&](const Party& party) {
    return party.sandbox == at.sandbox && !scene_.is(party.network, EBN_NET_INTERNAL);
  });
}

// As the client sees it.
bool Rules::is_reply_of(const Party& from, const Ipv4& ip) const {
  if (!ip.ports) {
    return serves_others(from) && (ip.is_error() || ip.later_fragment);
  }
  const PublishedRange* range = scene_.published_for(ip.proto, ip.src, ip.ports->source);
  return range != nullptr && range->slot == from.slot;
}

std::optional<std::set<std::uint32_t>> Rules::bridged_to(const Shot& shot) const {
  const Party* from = sender(&shot);
  const Mac& to = shot.reading.dst;
  // The host may send on what it gets. Frames of the bridge's own protocols are the kernel's.
  if (from == nullptr || from->may_spoof() || to == from->gateway_mac ||
      (to.bytes()[0] == 0x01 && to.bytes()[1] == 0x80)) {
    return std::nullopt;
  }
  std::set<std::uint32_t> everybody;
  for (const Party& other : scene_.parties()) {
    if (other.network == from->network && other.slot != from->slot) {
      everybody.insert(other.slot);
    }
    if (other.network == from->network && other.mac == to) {
      const bool open = !scene_.is(from->network, EBN_NET_NO_ICC) && other.slot != from->slot;
      return open ? std::set{other.slot} : std::set<std::uint32_t>{};
    }
  }
  return scene_.is(from->network, EBN_NET_NO_ICC) ? std::set<std::uint32_t>{} : everybody;
}

const Party* Rules::sender(const Shot* shot) const {
  return shot == nullptr ? nullptr : scene_.party(shot->slot);
}

bool Rules::is_member_mac(std::uint32_t network, const Mac& mac) const {
  return std::ranges::any_of(scene_.parties(), [&](const Party& party) {
    return party.network == network && party.mac == mac;
  });
}

bool Rules::is_member_address(std::uint32_t network, const IpAddress& address) const {
  return scene_.owner(network, address) != nullptr;
}

} // namespace ebpfnet::packet
