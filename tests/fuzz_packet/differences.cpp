#include "tests/fuzz_packet/differences.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/fuzz_packet/rewrite.hpp"
#include "tests/fuzz_packet/shot.hpp"

namespace ebpfnet::packet {
namespace {

void blank(Bytes& bytes, std::size_t at, std::size_t size) {
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, 0);
}

const char* word(std::optional<bool> holds) {
  return !holds ? "none" : *holds ? "right" : "wrong";
}

// What a stack made: it chooses the datagram's number, and a TCP server its first one.
std::string words_of_another(const Caught& caught, bool conversation) {
  Bytes bytes = caught.bytes;
  const auto ip = read(bytes).ip;
  if (!ip) {
    return hex(bytes);
  }
  const Sums sums = sums_of(bytes, *ip, caught.partial);
  blank(bytes, ip->at + 4, 2);
  blank(bytes, ip->at + 10, 2);
  if (ip->sum) {
    blank(bytes, *ip->sum, 2);
  }
  if (ip->proto == kTcp && ip->ports && (conversation || (ip->tcp_flags & kSyn) != 0)) {
    blank(bytes, ip->transport + 4, conversation ? 8 : 4);
  }
  return fmt::format("{} checksums {}, {}", hex(bytes), word(sums.header), word(sums.transport));
}

std::string dropped_as(const Comparison& both, ebn_drop_reason reason) {
  const Result& ours = both.ours;
  if (!ours.receipts.empty()) {
    return "it was to be dropped and came out";
  }
  const bool counted = ours.counted.drops.size() == 1 && ours.counted.drops[0].times == 1 &&
                       ours.counted.drops[0].network == kCat &&
                       ours.counted.drops[0].reason == reason;
  return counted ? "" : "not counted as it was to be";
}

template <ebn_drop_reason kReason> std::string dropped(const Comparison& both) {
  return dropped_as(both, kReason);
}

bool asks_dhcp(const Ipv4& ip) {
  return ip.src == IpAddress::from_v4(0) && ip.proto == kUdp && ip.ports == Ports{68, 67};
}

bool is_foreign_arp(const Comparison& both) {
  const auto& arp = both.reading.arp;
  const Member& self = both.self();
  return arp && (arp->sender_mac != self.mac ||
                 (arp->sender != self.ip && arp->sender != IpAddress::from_v4(0)));
}

// Whose address a question is about that the map can answer.
const Member* asked_for(const Comparison& both) {
  const auto& arp = both.reading.arp;
  if (!arp || arp->operation != 1 || arp->target == both.self().ip) {
    return nullptr;
  }
  return arp->target == both.cast.gateway.ip ? &both.cast.gateway : both.cast.owner(arp->target);
}

bool asks_for_the_known(const Comparison& both) {
  return asked_for(both) != nullptr;
}

// The answer that its owner would give, to the asker and to nobody else.
std::string answered_from_map(const Comparison& both) {
  const Member& asked = *asked_for(both);
  const Member& self = both.self();
  const Bytes answer =
      Arp{self.mac, asked.mac, 2, asked.mac, asked.ip, self.mac, both.reading.arp->sender}.bytes();
  if (both.ours.receipts.size() != 1 || both.ours.receipts[0].place != both.step.from) {
    return "not one answer for the asker";
  }
  const Bytes& got = both.ours.receipts[0].caught.bytes;
  return got.size() >= answer.size() && std::equal(answer.begin(), answer.end(), got.begin())
             ? ""
             : "another answer";
}

std::string left_with_host(const Comparison& both) {
  const auto& receipts = both.ours.receipts;
  return receipts.size() == 1 && receipts[0].place == kHostPlace &&
                 receipts[0].caught.bytes == both.ours.sent
             ? ""
             : "the host did not get it, or answered";
}

bool goes_by_gateway(const Comparison& both) {
  const Reading& reading = both.reading;
  return reading.ip && reading.dst == both.cast.gateway.mac &&
         both.cast.owner(reading.ip->dst) != nullptr;
}

// The neighbour gets it as from the gateway, once, and nothing of the IP packet is changed. The
// host says nothing to it.
std::string handed_over_by_gateway(const Comparison& both) {
  Bytes expected = both.ours.sent;
  put_mac(expected, 0, both.cast.owner(both.reading.ip->dst)->mac);
  put_mac(expected, 6, both.cast.gateway.mac);
  std::size_t found = 0;
  for (const Receipt& receipt : both.ours.receipts) {
    const bool right_place =
        receipt.place < kMembers && both.cast.members[receipt.place].ip == both.reading.ip->dst;
    found += right_place && receipt.caught.bytes == expected ? 1 : 0;
    if (receipt.place == kHostPlace) {
      return "the host got something";
    }
  }
  return found == 1 ? "" : "the neighbour did not get it once";
}

constexpr Difference kDifferences[] = {
    {"VLAN tags", "a network of ours carries no VLANs; the bridge floods what it does not filter",
     [](const Comparison& both) { return both.reading.is_tagged(); },
     dropped<EBN_DROP_VLAN_TAGGED>},
    {"foreign MAC addresses", "a container sends from its own address only; the bridge learns any",
     [](const Comparison& both) { return both.reading.src != both.self().mac; },
     dropped<EBN_DROP_SPOOFED_MAC>},
    {"IPv6", "a network is IPv4 only until both families exist",
     [](const Comparison& both) { return both.reading.ethertype == 0x86dd; },
     dropped<EBN_DROP_IPV6_DISABLED>},
    {"malformed IPv4", "what cannot be read cannot be checked; the bridge does not look at it",
     [](const Comparison& both) { return both.reading.ethertype == 0x0800 && !both.reading.ip; },
     dropped<EBN_DROP_MALFORMED>},
    {"foreign IP addresses", "a container sends from its own address only",
     [](const Comparison& both) {
       const auto& ip = both.reading.ip;
       return ip && ip->src != both.self().ip && !asks_dhcp(*ip);
     },
     dropped<EBN_DROP_SPOOFED_IP>},
    {"malformed ARP", "as malformed IPv4",
     [](const Comparison& both) { return both.reading.ethertype == 0x0806 && !both.reading.arp; },
     dropped<EBN_DROP_MALFORMED>},
    {"foreign claims by ARP", "nobody takes a neighbour's address over", is_foreign_arp,
     dropped<EBN_DROP_SPOOFED_ARP>},
    {"answers to ARP", "the map knows every address: nobody else is asked", asks_for_the_known,
     answered_from_map},
    {"later fragments to the gateway before the first", "their ports are not known (decision 8)",
     [](const Comparison& both) {
       const auto& ip = both.reading.ip;
       return ip && ip->later_fragment && both.reading.dst == both.cast.gateway.mac &&
              both.ours.counted.drops.size() == 1;
     },
     dropped<EBN_DROP_FRAGMENT_UNKNOWN>},
    {"first fragments to the gateway behind the others", "the others were dropped as just said",
     [](const Comparison& both) {
       return both.step.comes_late && both.reading.dst == both.cast.gateway.mac;
     },
     left_with_host},
    {"neighbours by way of the gateway",
     "the short cut is taken: no hop less, no error and no redirect of the host", goes_by_gateway,
     handed_over_by_gateway},
};

} // namespace

std::span<const Difference> intended_differences() {
  return kDifferences;
}

std::vector<std::string> Result::in_words(bool conversation) const {
  std::vector<std::string> out;
  for (const Receipt& receipt : receipts) {
    const std::string what = receipt.caught.bytes == sent
                                 ? "the frame as it was sent"
                                 : words_of_another(receipt.caught, conversation);
    out.push_back(fmt::format(
        "{}: {}",
        receipt.place == kHostPlace ? "the host" : fmt::format("container {}", receipt.place),
        what));
  }
  std::ranges::sort(out);
  return out;
}

} // namespace ebpfnet::packet
