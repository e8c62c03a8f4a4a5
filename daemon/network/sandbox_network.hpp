// The kernel's side of a sandbox: its namespace and what is in it, its names, its DNS, its
// published ports. Every call is made by whoever holds the sandbox's `operation` mutex, and is
// idempotent, so that repairing is calling it again.
#pragma once

#include <set>

#include "daemon/network/driver.hpp"
#include "daemon/network/gateway.hpp"
#include "daemon/network/publisher.hpp"
#include "daemon/network/sandbox_files.hpp"

namespace ebpfnet::network {

class SandboxNetwork {
public:
  SandboxNetwork(Context& context, Publisher& publisher)
      : context_(context), publisher_(publisher) {}

  // Namespace, endpoints and everything around them, from the record. On failure what was made
  // stays for `destroy`.
  Result<void> build(Sandbox& sandbox);
  // Ends all of it. Goes on to the end and returns the first error.
  Result<void> destroy(Sandbox& sandbox);

  Result<void> connect(Sandbox& sandbox, const std::shared_ptr<Endpoint>& endpoint);
  Result<void> disconnect(Sandbox& sandbox, const std::shared_ptr<Endpoint>& endpoint);
  // After endpoints came or went: default route, published ports, files, DNS.
  Result<void> refresh(Sandbox& sandbox);

  // A sandbox is known by its names while it runs (one without a process, always).
  void announce(const Sandbox& sandbox);
  void withdraw(const Sandbox& sandbox);

  // The namespace file that its processes enter; empty: the daemon's own namespace.
  std::filesystem::path netns_file(const Sandbox& sandbox) const;
  // Sandboxes whose names the daemon's DNS server answers.
  std::size_t dns_count() const;

private:
  std::vector<Attachment> attachments(const Sandbox& sandbox, bool connected_only) const;
  SandboxFacts facts(const Sandbox& sandbox) const;
  Result<void> check_adoptable(const Sandbox& sandbox) const;
  Result<void> open_namespace(const Sandbox& sandbox);
  Result<void> lead_outside(const Sandbox& sandbox, SandboxFacts& facts);
  Result<void> serve_dns(const Sandbox& sandbox, dns::SandboxView view);
  Result<void> leave_loopback(const Sandbox& sandbox);
  bool serves_dns(const std::string& sandbox_id) const;
  void stop_dns(const std::string& sandbox_id);

  Context& context_;
  Publisher& publisher_;
  mutable std::mutex mutex_; // guards with_dns_
  std::set<std::string> with_dns_;
};

// Whether the sandbox has a namespace of its own (not the host's, not another sandbox's).
bool owns_namespace(const Sandbox& sandbox);

} // namespace ebpfnet::network
