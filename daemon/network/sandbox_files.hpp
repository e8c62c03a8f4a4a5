// The files that a sandbox sees in place of the host's: resolv.conf, hosts, hostname. Written in
// place, since a running process has them bind-mounted.
#pragma once

#include "daemon/network/context.hpp"
#include "daemon/network/model.hpp"

namespace ebpfnet::network {

// What the files depend on, gathered while the registry was locked.
struct SandboxFacts {
  std::vector<IpAddress> addresses;          // in connection order
  std::vector<dns::NetworkRef> dns_networks; // user-defined ones, in connection order
  std::vector<IpAddress> host_gateway;       // addresses that "host-gateway" stands for
  bool internal_only = false;                // every network is internal
  bool embedded_dns = false;                 // 127.0.0.11 serves this sandbox
  bool ipv6_loopback = false;                // its lo has ::1
};

struct SandboxFiles {
  std::filesystem::path resolv_conf;
  std::filesystem::path hosts;
  std::filesystem::path hostname;
};

SandboxFiles files_of(const Context& context, const std::string& sandbox_id);

// Writes all three, and returns what the DNS server must know of the sandbox.
Result<dns::SandboxView> write_files(const Context& context, const Sandbox& sandbox,
                                     const SandboxFacts& facts);

} // namespace ebpfnet::network
