// The programs at work on the devices of a World. The far end of a veth pair: frames are put on its
// wire and taken off it, as bytes.
#pragma once

#include "maps/types/unique_fd.hpp"
#include "tests/packet/world.hpp"

namespace ebpfnet::packet {

class Wire {
public:
  // eth0 of a namespace. Sees what arrives from now on.
  explicit Wire(int netns_fd);

  void send(const Bytes& frame);
  // The next frame that arrives within a second and is IPv4 or ARP; empty: none.
  Bytes receive();
  // Whether nothing arrives within a tenth of a second.
  bool is_silent();

private:
  Bytes next(int timeout_ms);

  UniqueFd socket_;
  int ifindex_ = 0;
};

// The programs onto every sandbox's device and the uplink.
void attach_all(World& world);
// For eth0 of a namespace; `gateway` unspecified: no default route.
void give_address(int netns_fd, const IpAddress& address, unsigned length,
                  const IpAddress& gateway);

} // namespace ebpfnet::packet
