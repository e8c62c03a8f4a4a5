// What packets left in the maps, as the model asks for it. Keys are tried in both orders, so that
// the model does not depend on how the programs order them.
#pragma once

#include <optional>

#include "tests/fuzz_packet/reading.hpp"
#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

struct Tuple {
  std::uint8_t proto = 0;
  IpAddress src;
  IpAddress dst;
  Ports ports;

  Tuple reversed() const { return {proto, dst, src, {ports.destination, ports.source}}; }
};

struct Flow {
  ebn_flow_key key{};
  ebn_flow value{};
  bool established = false;

  IpAddress nat() const;
  std::uint16_t nat_port() const;
  std::uint16_t peer_port() const;
  bool is_closed() const;
};

// A reserved tuple of a masqueraded flow.
struct Reserved {
  std::uint32_t slot = 0;
  std::uint32_t sandbox = 0;
  IpAddress inside;
  std::uint16_t inside_port = 0;
};

class State {
public:
  explicit State(World& world);

  // The flow of a packet that the sandbox sends or gets, in the addresses that it sees.
  std::optional<Flow> flow(std::uint32_t sandbox, const Tuple& tuple) const;
  // Whose reply is the packet that came from outside?
  std::optional<Reserved> reserved(const Tuple& reply) const;
  // The ports that the first fragment of the datagram left.
  std::optional<Ports> fragment_ports(std::uint32_t scope, const Ipv4& ip) const;

private:
  World& world_;
  view::MapView<ebn_fragment_key, ebn_fragment> fragments_;
};

} // namespace ebpfnet::packet
