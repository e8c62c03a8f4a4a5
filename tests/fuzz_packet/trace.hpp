// A trace of frames between the containers of one network: every kind that a bridge may see, right
// and wrong, whole and spoilt.
#pragma once

#include <deque>
#include <string>

#include "tests/fuzz_packet/random.hpp"
#include "tests/fuzz_packet/segment.hpp"

namespace ebpfnet::packet {

struct Step {
  std::string what;
  std::size_t from = 0; // the member that sends it
  Bytes bytes;
  bool acknowledges = false; // the number is that of the server's SYN, which each server chooses
  bool comes_late = false;   // a first fragment, behind the others
};

class Trace {
public:
  Trace(const Cast& cast, Random& random) : cast_(cast), random_(random) {}

  Step next();

private:
  struct Pair {
    std::size_t from;
    const Member& self;
    const Member& to;
    const Member& third;
  };

  Step fresh();
  Pair pair();
  Frame packet();
  Frame between(const Pair& pair, Frame frame) const;
  Step plain_packet();
  Step addressed_otherwise();
  Step to_gateway();
  Step fragments();
  Step connection();
  Step arp();
  Step other_ethertype();
  Step foreign_source();
  bool is_fit(const Step& step) const;

  const Cast& cast_;
  Random& random_;
  std::deque<Step> queue_; // what follows
  std::uint16_t next_port_ = 20000;
  std::uint16_t next_id_ = 1000; // of datagrams in parts
};

} // namespace ebpfnet::packet
