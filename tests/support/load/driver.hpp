// Keeps three kinds of traffic to a server going at once, until it is asked to stop.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>

namespace ebpfnet::load {

struct Rates {
  unsigned streams = 6;       // long TCP connections
  unsigned stream_hz = 100;   // messages a second on each
  unsigned datagrams = 4;     // UDP flows
  unsigned datagram_hz = 500; // datagrams a second of each
  unsigned knock_hz = 50;     // new TCP connections a second
};

// Prints "ready" when the long connections stand, and at the end the report as one line of JSON.
void drive(const std::string& address, std::uint16_t port, const Rates& rates,
           const volatile std::sig_atomic_t& stop);

} // namespace ebpfnet::load
