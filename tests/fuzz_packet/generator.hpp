// Frames for every hook: whole ones of every protocol, answers to what programs let through, errors
// about it, fragments, and all of these spoilt. The random numbers decide; what came out of a
// program decides about conversations.
#pragma once

#include <deque>

#include "tests/fuzz_packet/random.hpp"
#include "tests/fuzz_packet/reading.hpp"
#include "tests/fuzz_packet/sample.hpp"
#include "tests/fuzz_packet/scene.hpp"

namespace ebpfnet::packet {

class Generator {
public:
  Generator(const Scene& scene, Random& random);

  Sample next();
  // What became of a sample: conversations go on from here.
  void saw(const Sample& sample, const Outcome& outcome);

private:
  // A frame that reached somebody: a container, or the wire behind the uplink.
  struct Delivered {
    std::uint32_t slot = 0; // 0: the wire
    Bytes bytes;
  };

  Sample fresh();
  Sample from_anybody();
  Sample between_neighbours();
  Sample arp();
  Sample of_other_ethertype();
  Sample client_outside();
  Sample from_outside();
  Sample to_container();
  Sample to_uplink();
  Sample on_loopback();
  Sample answer();
  Sample again();
  Sample error();
  void cut_in_two(const Sample& whole);

  Frame packet();
  void vary_addresses(const Party& from, Frame& frame);
  Sample sent_by(std::uint32_t slot, Bytes bytes) const;
  const Party& anybody() { return random_.of(scene_.parties()); }
  const Party& neighbour_of(const Party& party);
  IpAddress address();
  Mac mac();
  std::uint16_t port();
  std::size_t payload_size();
  Bytes answer_of(const Bytes& bytes, const Ipv4& ip);

  const Scene& scene_;
  Random& random_;
  std::vector<IpAddress> addresses_;
  std::vector<Mac> macs_;
  std::vector<std::uint16_t> ports_;
  std::deque<Sample> queue_; // fragments that follow
  std::vector<Delivered> delivered_;
  std::vector<Sample> sent_;
};

} // namespace ebpfnet::packet
