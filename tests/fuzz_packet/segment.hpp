// One network of three containers and its host, with a sniffer at each place: the World's, where
// the programs carry the frames, or one that is a plain bridge of the kernel. Both have the same
// addresses, and stacks that answer at once or not at all.
#pragma once

#include <array>

#include "tests/fuzz_packet/tap.hpp"
#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

struct Member {
  IpAddress ip;
  Mac mac;
};

inline constexpr std::size_t kMembers = 3;
inline constexpr std::size_t kHostPlace = kMembers;
inline constexpr std::uint16_t kOpenPort = 5000; // TCP and UDP, of every container

struct Cast {
  std::array<Member, kMembers> members;
  Member gateway;

  const Member* owner(const IpAddress& ip) const;
  const Member* owner(const Mac& mac) const;
};

struct Receipt {
  std::size_t place = 0; // of a container, or kHostPlace
  Caught caught;
};

class Segment {
public:
  // Of the World's network "cat", with the programs attached.
  static Segment ours(World& world, const Cast& cast);
  // In namespaces of its own.
  static Segment plain(World& world, const Cast& cast);

  // False: the device does not take it.
  bool send(std::size_t from, const Bytes& frame) { return taps_.at(from).send(frame); }
  std::vector<Receipt> take();

private:
  Segment() = default;
  void add_container(int netns_fd, const Member& self, const Cast& cast);
  void set_host(int netns_fd, const std::string& bridge, const Cast& cast);

  std::vector<UniqueFd> netns_;
  std::vector<Tap> taps_;
  std::vector<UniqueFd> servers_;
};

Cast cast_of(const World& world);
// What a host's stack does on its own or later is switched off, for the calling thread's namespace.
void calm_stack();

} // namespace ebpfnet::packet
