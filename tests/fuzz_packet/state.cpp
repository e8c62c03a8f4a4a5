#include "tests/fuzz_packet/state.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "maps/view/convert.hpp"

namespace ebpfnet::packet {
namespace {

UniqueFd open_pin(const World& world, std::string_view map) {
  const auto pin = world.pins() / "maps" / map;
  return UniqueFd(::bpf_obj_get(pin.c_str()));
}

} // namespace

IpAddress Flow::nat() const {
  return view::from_abi(value.nat);
}

std::uint16_t Flow::nat_port() const {
  return ntohs(value.nat_port);
}

std::uint16_t Flow::peer_port() const {
  return ntohs(value.peer_port);
}

bool Flow::is_closed() const {
  constexpr int kBothFins = EBN_FLOW_FIN_IN | EBN_FLOW_FIN_OUT;
  return value.proto == kTcp &&
         ((value.flags & EBN_FLOW_RST) != 0 || (value.flags & kBothFins) == kBothFins);
}

State::State(World& world) : world_(world), fragments_("fragments", open_pin(world, "fragments")) {}

std::optional<Flow> State::flow(std::uint32_t sandbox, const Tuple& tuple) const {
  for (const Tuple& way : {tuple, tuple.reversed()}) {
    Flow out;
    out.key.sandbox = sandbox;
    out.key.proto = way.proto;
    out.key.lo = view::to_abi(way.src);
    out.key.hi = view::to_abi(way.dst);
    out.key.lo_port = htons(way.ports.source);
    out.key.hi_port = htons(way.ports.destination);
    if (const auto found = world_.maps().flows.get(out.key).value()) {
      out.value = *found;
      out.established = true;
      return out;
    }
    if (const auto found = world_.maps().new_flows.get(out.key).value()) {
      out.value = *found;
      return out;
    }
  }
  return std::nullopt;
}

std::optional<Reserved> State::reserved(const Tuple& reply) const {
  ebn_masq_key key{};
  key.host = view::to_abi(reply.dst);
  key.remote = view::to_abi(reply.src);
  key.host_port = htons(reply.ports.destination);
  key.remote_port = htons(reply.ports.source);
  key.proto = reply.proto;
  const auto found = world_.maps().masq_ports.get(key).value();
  if (!found) {
    return std::nullopt;
  }
  const ebn_flow_key& flow = found->flow;
  const bool remote_first =
      view::from_abi(flow.lo) == reply.src && ntohs(flow.lo_port) == reply.ports.source;
  return Reserved{found->slot, flow.sandbox, view::from_abi(remote_first ? flow.hi : flow.lo),
                  ntohs(remote_first ? flow.hi_port : flow.lo_port)};
}

std::optional<Ports> State::fragment_ports(std::uint32_t scope, const Ipv4& ip) const {
  ebn_fragment_key key{};
  key.src = view::to_abi(ip.src);
  key.dst = view::to_abi(ip.dst);
  key.scope = scope;
  key.id = htons(ip.id);
  key.proto = ip.proto;
  const auto found = fragments_.get(key).value();
  return found ? std::optional(Ports{ntohs(found->sport), ntohs(found->dport)}) : std::nullopt;
}

} // namespace ebpfnet::packet
