// The host's resolv.conf and the --dns flags: whatever stands there, the file of a sandbox says
// what was read of it, and no word of it becomes a line of its own. The first line is --dns, the
// second
// --dns-search, the third --dns-option, the fourth --add-host; the rest is the file.
#include "daemon/dns/resolv_conf.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::dns {
namespace {

std::vector<std::string> one(const std::string& text) {
  return text.empty() ? std::vector<std::string>() : std::vector<std::string>{text};
}

// A file that we wrote: its name servers, and its only lines.
void demand_file(const std::string& text) {
  for (const std::string& line : fuzz::lines_of(text)) {
    DEMAND(line.empty() || line.starts_with('#') || line.starts_with("nameserver ") ||
           line.starts_with("search ") || line.starts_with("options "));
  }
}

void read(const std::vector<std::string>& lines, std::string_view file) {
  const HostResolvConf host = parse_resolv_conf(file);
  const auto overrides = parse_dns_overrides(one(lines[0]), one(lines[1]), one(lines[2]));
  if (!overrides) {
    return fuzz::demand_story(overrides);
  }
  const auto internal = render_internal_resolv_conf(host, *overrides);
  demand_file(internal.text);
  const auto inside = parse_resolv_conf(internal.text);
  DEMAND(inside.servers.size() == 1 && inside.servers[0].address == IpAddress::from_v4(0x7f00000b));
  for (const Upstream& upstream : internal.upstreams) {
    DEMAND(upstream.address != inside.servers[0].address);
  }
  for (const bool ipv6 : {false, true}) {
    const std::string direct = render_direct_resolv_conf(host, *overrides, ipv6);
    demand_file(direct);
    DEMAND(!parse_resolv_conf(direct).servers.empty());
  }
}

void read_extra_host(const std::string& text) {
  const auto entries = parse_extra_hosts({text}, {IpAddress::from_v4(0x0a000001)});
  if (!entries) {
    return fuzz::demand_story(entries);
  }
  DEMAND(entries->size() == 1);
  const std::string hosts = render_hosts({"web", "", {}, *entries, false});
  DEMAND(hosts == "127.0.0.1\tlocalhost\n" + entries->at(0).address.to_string() + "\t" +
                      entries->at(0).name + "\n");
  DEMAND(fuzz::lines_of(hosts).size() == 3 && !fuzz::has_nul(hosts));
}

} // namespace
} // namespace ebpfnet::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  auto file = fuzz::text_of(data, size);
  std::vector<std::string> lines;
  for (int i = 0; i < 4; ++i) {
    const auto end = file.find('\n');
    if (end == std::string_view::npos) {
      return -1;
    }
    lines.emplace_back(file.substr(0, end));
    file.remove_prefix(end + 1);
  }
  dns::read(lines, file);
  dns::read_extra_host(lines[3]);
  return 0;
}
