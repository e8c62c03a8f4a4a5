// Frames put into a namespace and taken out of it, and the certainty that all of them arrived. A
// frame takes its whole way on the CPU that sent it, so what was sent before a pacer's own frame is
// where it goes when that one has come round.
#pragma once

#include <sched.h>

#include <string>
#include <vector>

#include "daemon/netlink/socket.hpp"
#include "maps/types/unique_fd.hpp"
#include "tests/packet/frame.hpp"

namespace ebpfnet::packet {

struct Caught {
  Bytes bytes;          // a VLAN tag that the device took off is back in its place
  bool partial = false; // the transport checksum is left to a device (CHECKSUM_PARTIAL)
};

// One device of a namespace.
class Tap {
public:
  // Sees what arrives from now on, not what is sent here.
  Tap(int netns_fd, const std::string& device);

  // False: larger than the device takes. `partial_at`: there stands the checksum of the transport
  // header at `transport`, and it holds the sum of the pseudo header only.
  bool send(const Bytes& frame, std::size_t transport = 0, std::size_t partial_at = 0);
  // All that arrived since the last call. Throws when the socket had no room for something.
  std::vector<Caught> take();
  int descriptor() const { return in_.get(); }

private:
  UniqueFd in_;
  UniqueFd out_;
};

// The namespace that the calling thread is in.
UniqueFd own_netns();

// Keeps the thread on one CPU, and waits there.
class Pacer {
public:
  // Makes a pair of devices in the namespace of the socket, which is the caller's.
  explicit Pacer(netlink::Socket& socket);
  ~Pacer();
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  // Until all that was sent, and all that was sent in answer to it at once, has arrived.
  void settle();

private:
  bool comes_back(int patience_ms);

  netlink::Socket& socket_;
  cpu_set_t before_{};
  UniqueFd netns_;
  std::vector<Tap> ends_;
};

} // namespace ebpfnet::packet
