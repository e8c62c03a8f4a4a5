// A frame that was put into a namespace, and how it is known again wherever it comes out: by a
// number at the end of its payload or, where there is no room, behind the packet as padding.
#pragma once

#include <optional>

#include "tests/fuzz_packet/reading.hpp"
#include "tests/fuzz_packet/tap.hpp"

namespace ebpfnet::packet {

struct Shot {
  std::uint32_t number = 0;
  std::uint32_t slot = 0; // in whose namespace; 0: on the wire behind the uplink
  Bytes bytes;
  Reading reading;
  bool partial = false; // sent with its transport checksum left to a device
};

// Writes the number; checksums that held hold afterwards. Numbers that stood there are gone. False:
// the frame is of no use, since the number became part of a header or
// stands across the end of the packet.
bool mark(Bytes& frame, std::uint32_t number);
std::optional<std::uint32_t> mark_of(const Bytes& frame);

// Puts the sum of the pseudo header in the place of a valid TCP or UDP checksum. False: there is
// none, and nothing is changed.
bool make_partial(Bytes& frame);

// What is known of the checksums of an IPv4 packet.
struct Sums {
  bool header = false;
  std::optional<bool> transport; // nothing: the packet has none, or is a fragment
};
// `partial`: the transport's must be the sum of the pseudo header.
Sums sums_of(const Bytes& frame, const Ipv4& ip, bool partial);

// Whether `caught`, which bears the shot's number, is the frame itself, translated or not. If not,
// a stack made it of the shot: an echo's reply, an error that quotes it.
bool is_copy(const Caught& caught, const Shot& shot);

} // namespace ebpfnet::packet
