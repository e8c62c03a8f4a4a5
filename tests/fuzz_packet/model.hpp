// What must become of a frame, told from the frame, the scene and the flows alone: the rules of
// docs/design.md in words of this file and not the programs' way of finding out. Where several
// reasons for a drop hold, each of them is right.
#pragma once

#include <functional>
#include <set>

#include "tests/fuzz_packet/rewrite.hpp"
#include "tests/fuzz_packet/sample.hpp"
#include "tests/fuzz_packet/scene.hpp"
#include "tests/fuzz_packet/state.hpp"

namespace ebpfnet::packet {

struct Expected {
  // Dropped: kShot and one of `reasons`, counted once.
  std::set<ebn_drop_reason> reasons;
  // A drop that is answered: kRedirect with the reset that `output` knows, counted as NO_FLOW.
  bool reset = false;
  int action = kUnspec;
  std::uint32_t network = 0; // under which the drop or the path is counted
  std::optional<ebn_path> path;
  // Empty when the bytes that came out are right.
  std::function<std::string(const Bytes& out)> output;
};

class Model {
public:
  explicit Model(const Scene& scene) : scene_(scene), state_(scene.world()) {}

  // Before the frame is sent: what it changes in the maps must not be there yet.
  Expected expect(const Sample& sample) const;

private:
  using Reasons = std::set<ebn_drop_reason>;
  // A packet with what the rules ask of it.
  struct Case {
    const Sample& sample;
    const Ipv4& ip;
    std::optional<Ports> ports; // of the whole datagram
    Tuple tuple() const { return {ip.proto, ip.src, ip.dst, ports.value_or(Ports{})}; }
    bool too_big() const { return sample.gso_size == 0 && ip.length() > 1500; }
  };
  // A client's packet to a published port.
  struct Client {
    const Party* party = nullptr; // nullptr: outside
    std::uint32_t slot() const { return party != nullptr ? party->slot : 0; }
  };

  Expected from_container(const Sample& sample) const;
  Expected arp_from(const Sample& sample, const Party& from, const ArpMessage& arp) const;
  Expected ipv4_from(const Case& c, const Party& from, const Reading& frame) const;
  Expected to_neighbour(const Case& c, const Party& from) const;
  Expected routed(const Case& c, const Party& from) const;
  Expected without_flow(const Case& c, const Party& from) const;
  Expected masqueraded(const Case& c, const Party& from) const;
  Expected to_stack(const Case& c, const Party& from) const;
  Expected of_flow(const Case& c, const Party& from, const Flow& flow) const;
  Expected to_client(const Case& c, const Party& from, const Flow& flow) const;
  Expected error_of_flow(const Case& c, const Party& from, const Quoted& quoted,
                         const Flow& flow) const;
  // The flow that the error which `from` sends is about, if it goes to the sender of what it
  // quotes.
  std::optional<Flow> flow_of_error(const Case& c, const Party& from) const;

  Expected from_uplink(const Sample& sample) const;
  Expected masquerade_reply(const Case& c) const;
  Expected error_from_uplink(const Case& c) const;
  Expected published(const Case& c, const PublishedRange& range, const Client& client) const;
  Reasons inbound_refusals(const Case& c, const PublishedRange& range, const Client& client,
                           const Tuple& inside) const;

  Expected to_uplink(const Sample& sample) const;
  Expected to_container(const Sample& sample) const;
  Expected on_loopback(const Sample& sample) const;

  // Nothing where a later fragment came before the first one.
  std::optional<Case> with_ports(const Sample& sample, const Ipv4& ip, std::uint32_t scope) const;
  bool has_route(const Case& c) const;
  // One address in the place of the other, also in what an error quotes.
  Expected swapped(const Case& c, Expected base, const IpAddress& old, const IpAddress& now) const;
  // Answered by a reset where TCP has one.
  Expected stray_segment(const Case& c, std::uint32_t network, Reasons reasons) const;
  bool in_masquerade_range(std::uint16_t port) const;

  const Scene& scene_;
  State state_;
};

Expected untouched(const Bytes& in);
Expected dropped(std::uint32_t network, std::set<ebn_drop_reason> reasons);
Expected passed(const Sample& sample, std::uint32_t network, ebn_path path);
Expected redirected(const Sample& sample, std::uint32_t network, ebn_path path, const Ipv4& ip,
                    const Rewrite& rewrite);
// From the gateway of `to`.
Rewrite routed_to(const Party& to);
bool is_martian(const IpAddress& address);
std::uint8_t one_hop_less(std::uint8_t ttl);
bool opens_flow(const Ipv4& ip);
bool may_be_fragment_of_ports(const Ipv4& ip);

} // namespace ebpfnet::packet
