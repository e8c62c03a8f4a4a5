#include "daemon/network/sandbox_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/dns/resolv_conf.hpp"

namespace ebpfnet::network {
namespace {

namespace fs = std::filesystem;

Result<void> write_in_place(const fs::path& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) {
    return fail_errno(errno, "open '{}'", path.string());
  }
  // Written before it is cut: a reader may see old text behind the new, but never an empty file.
  if (::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0) {
    return fail_errno(errno, "write '{}'", path.string());
  }
  return {};
}

Result<std::string> hosts_text(const Sandbox& sandbox, const SandboxFacts& facts) {
  dns::HostsFile hosts;
  hosts.hostname = sandbox.hostname;
  hosts.addresses = facts.addresses;
  hosts.ipv6 = facts.ipv6_loopback;
  hosts.extra = TRY(dns::parse_extra_hosts(sandbox.config.extra_hosts, facts.host_gateway));
  return dns::render_hosts(hosts);
}

} // namespace

SandboxFiles files_of(const Context& context, const std::string& sandbox_id) {
  const fs::path dir = context.run_path(sandbox_id);
  return {dir / "resolv.conf", dir / "hosts", dir / "hostname"};
}

Result<dns::SandboxView> write_files(const Context& context, const Sandbox& sandbox,
                                     const SandboxFacts& facts) {
  const auto& config = sandbox.config;
  const auto overrides =
      TRY(dns::parse_dns_overrides(config.dns, config.dns_search, config.dns_options));
  const auto host = TRY(dns::load_host_resolv_conf(!facts.embedded_dns));
  const SandboxFiles files = files_of(context, sandbox.id);
  dns::SandboxView view;
  std::string resolv_conf;
  if (facts.embedded_dns) {
    auto internal = dns::render_internal_resolv_conf(host, overrides);
    resolv_conf = std::move(internal.text);
    view = {facts.dns_networks, facts.internal_only, std::move(internal.upstreams),
            internal.ndots_set, internal.ndots};
  } else {
    const bool ipv6 = std::ranges::any_of(
        facts.addresses, [](const IpAddress& address) { return !address.is_v4(); });
    resolv_conf = dns::render_direct_resolv_conf(host, overrides, ipv6);
  }
  TRY_VOID(write_in_place(files.resolv_conf, resolv_conf));
  TRY_VOID(write_in_place(files.hosts, TRY(hosts_text(sandbox, facts))));
  TRY_VOID(write_in_place(files.hostname, sandbox.hostname + "\n"));
  return view;
}

} // namespace ebpfnet::network
