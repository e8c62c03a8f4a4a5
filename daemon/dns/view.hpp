// What the DNS server needs to know about one sandbox: where its names are looked up and whom to
// ask about others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maps/types/ip.hpp"

namespace ebpfnet::dns {

struct NetworkRef {
  std::string id;
  std::string name;
};

// A server that is asked about names that are not ours.
struct Upstream {
  IpAddress address;
  std::uint16_t port = 53; // host order
  bool from_host_namespace =
      false;        // asked from the daemon's own namespace, else from the sandbox's
  std::string zone; // interface of a link-local address; only with from_host_namespace
};

struct SandboxView {
  std::vector<NetworkRef> networks; // in order of lookup
  bool internal_only = false;       // every network is internal: servers of the host are not asked
  std::vector<Upstream> upstreams;  // in order of preference
  bool ndots_set = false;           // ndots was asked for, by --dns-option or the host's file
  unsigned ndots = 0;
};

} // namespace ebpfnet::dns
