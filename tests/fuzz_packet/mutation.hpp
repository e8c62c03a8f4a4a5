// Spoiling frames, and making their checksums right again.
#pragma once

#include "tests/fuzz_packet/random.hpp"
#include "tests/fuzz_packet/reading.hpp"

namespace ebpfnet::packet {

// One to three changes: fields of headers with values at their limits, single bits, cuts, padding,
// TCP options; the checksums may be made right afterwards. The frame stays as long as a program can
// be run on it (an Ethernet header; for IPv4 and IPv6 the IP header too).
void spoil(Bytes& frame, Random& random);

// Right checksums for what can be read as IPv4: the header's only, or the transport's as well.
void seal_header(Bytes& frame);
void seal(Bytes& frame);

} // namespace ebpfnet::packet
