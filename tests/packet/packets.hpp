// Packets between the parties of a World: neighbours, a sandbox and its gateway, the outside.
#pragma once

#include <vector>

#include "maps/view/convert.hpp"
#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

inline Mac mac(std::string_view text) {
  return Mac::from(text).value();
}

inline Frame to_neighbour(const World& world, std::uint32_t from, std::uint32_t to, Frame frame) {
  frame.eth_dst = world.at(to).mac;
  frame.eth_src = world.at(from).mac;
  frame.src = world.at(from).ip;
  frame.dst = world.at(to).ip;
  frame.sport = frame.sport != 0 ? frame.sport : 40000;
  frame.dport = frame.dport != 0 ? frame.dport : 5000;
  return frame;
}

// To anyone who is not on the network.
inline Frame to_gateway(const World& world, std::uint32_t from, const IpAddress& to, Frame frame) {
  frame.eth_dst = world.at(from).gateway_mac;
  frame.eth_src = world.at(from).mac;
  frame.src = world.at(from).ip;
  frame.dst = to;
  frame.sport = frame.sport != 0 ? frame.sport : 40000;
  frame.dport = frame.dport != 0 ? frame.dport : 80;
  return frame;
}

// What the router hands to the host.
inline Frame from_outside(const World& world, const IpAddress& from, Frame frame) {
  frame.eth_dst = world.uplink_mac();
  frame.eth_src = world.router_mac();
  frame.src = from;
  frame.dst = world.host();
  frame.sport = frame.sport != 0 ? frame.sport : 51000;
  frame.dport = frame.dport != 0 ? frame.dport : 8000;
  return frame;
}

// The answer to `frame` as its receiver would send it: both ends swapped.
inline Frame answer_to(const Frame& frame, Frame answer) {
  answer.eth_dst = frame.eth_src;
  answer.eth_src = frame.eth_dst;
  answer.src = frame.dst;
  answer.dst = frame.src;
  answer.sport = frame.dport;
  answer.dport = frame.sport;
  return answer;
}

// `frame` as the sandbox gets it when it was routed.
inline Frame routed_into(const World& world, std::uint32_t slot, Frame frame) {
  frame.eth_dst = world.at(slot).mac;
  frame.eth_src = world.at(slot).gateway_mac;
  frame.ttl = static_cast<std::uint8_t>(frame.ttl - 1);
  return frame;
}

inline std::vector<ebn_flow_key> flows(World& world) {
  return world.maps().flows.keys().value();
}
inline std::vector<ebn_flow_key> new_flows(World& world) {
  return world.maps().new_flows.keys().value();
}
inline std::vector<ebn_masq_key> masq_ports(World& world) {
  return world.maps().masq_ports.keys().value();
}

inline std::uint16_t port_at(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}
// Of a frame without IP options.
inline std::uint16_t source_port(const Bytes& bytes) {
  return port_at(bytes, 34);
}

} // namespace ebpfnet::packet
