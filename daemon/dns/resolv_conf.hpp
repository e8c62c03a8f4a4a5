// resolv.conf and hosts: reads the host's file and writes the ones of a sandbox, as Docker does.
// Works on texts; only `load_host_resolv_conf` touches files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/dns/view.hpp"
#include "maps/types/error.hpp"

namespace ebpfnet::dns {

struct NameServer {
  IpAddress address;
  std::string zone; // interface name behind '%', for link-local addresses
};

struct HostResolvConf {
  std::vector<NameServer> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;
  std::string path = "/etc/resolv.conf"; // where it was read
};

// What the user asked for with --dns, --dns-search and --dns-option; an empty list means "as on the
// host". A search list of "." alone means none.
struct DnsOverrides {
  std::vector<IpAddress> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;
};

// Checks texts of a request: addresses, and words that cannot smuggle a second line into the file.
Result<DnsOverrides> parse_dns_overrides(const std::vector<std::string>& servers,
                                         const std::vector<std::string>& search,
                                         const std::vector<std::string>& options);

// Lines that make no sense are skipped, as the C library does; the last search or domain line
// counts.
HostResolvConf parse_resolv_conf(std::string_view text);

// Reads the host's file; a missing one is empty. `for_copy`: the servers are to be used from
// another namespace, so a file that names nothing but 127.0.0.53 gives way to systemd-resolved's
// list of real servers, if there is one.
Result<HostResolvConf>
load_host_resolv_conf(bool for_copy, const std::string& path = "/etc/resolv.conf",
                      const std::string& systemd_path = "/run/systemd/resolve/resolv.conf");

// What a sandbox on user-defined networks gets: the text that names 127.0.0.11, and the matching
// part of its view.
struct InternalResolvConf {
  std::string text;
  std::vector<Upstream> upstreams;
  bool ndots_set = false;
  unsigned ndots = 0;
};
InternalResolvConf render_internal_resolv_conf(const HostResolvConf& host,
                                               const DnsOverrides& overrides);

// What a sandbox on the default bridge (or with the host's network) gets: servers to be asked
// directly. Loopback ones are left out unless `keep_loopback` (host network); 8.8.8.8 and 8.8.4.4
// (and their IPv6 addresses) only when none is left.
std::string render_direct_resolv_conf(const HostResolvConf& host, const DnsOverrides& overrides,
                                      bool ipv6, bool keep_loopback = false);

struct HostEntry {
  std::string name;
  IpAddress address;
};

struct HostsFile {
  std::string hostname;
  std::string domain;               // may be empty
  std::vector<IpAddress> addresses; // the sandbox's own, in order of networks
  std::vector<HostEntry> extra;
  bool ipv6 = false; // ::1 and friends
};
std::string render_hosts(const HostsFile& hosts);

// --add-host arguments NAME:IP or NAME=IP. The address "host-gateway" stands for every one of
// `host_gateway`.
Result<std::vector<HostEntry>> parse_extra_hosts(const std::vector<std::string>& arguments,
                                                 const std::vector<IpAddress>& host_gateway);

} // namespace ebpfnet::dns
