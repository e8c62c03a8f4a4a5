// One function per section, in the order in which an operator reads: see status_report.hpp.
#include "cli/status_report.hpp"

#include <fmt/core.h>

#include "cli/output.hpp"

namespace ebpfnet::cli {
namespace {

using Json = nlohmann::json;
using Cells = std::vector<std::string>;

std::string section(const std::string& title, const std::string& body) {
  std::string out = "\n" + title + "\n  ";
  for (std::size_t i = 0; i < body.size(); ++i) {
    out += body[i];
    out += body[i] == '\n' && i + 1 < body.size() ? "  " : "";
  }
  return out;
}

// A section with one row per element of status[key]; none when the answer has no such list.
std::string listing(const Json& status, const char* key, const std::string& title, Cells header,
                    Cells (*row)(const Json&)) {
  if (!status.contains(key)) {
    return {};
  }
  if (status[key].empty()) {
    return section(title, "none\n");
  }
  Table table(std::move(header));
  for (const Json& item : status[key]) {
    table.add(row(item));
  }
  return section(title, table.text());
}

std::string daemon(const Json& status) {
  std::string out = fmt::format("ebpfnetd {}, pid {}, since {}\n", text_at(status, "Version"),
                                text_at(status, "Pid"), text_at(status, "StartedAt"));
  out += fmt::format("Kernel {}, programs attached by {}\n", text_at(status, "Kernel"),
                     text_at(status, "Attach"));
  for (const auto& [title, key] :
       {std::pair{"state directory", "StateDir"}, std::pair{"run directory", "RunDir"},
        std::pair{"bpf directory", "Bpffs"}, std::pair{"cgroup root", "CgroupRoot"}}) {
    out += fmt::format("  {:<16} {}\n", title, text_at(status, key));
  }
  return out;
}

std::string counts(const Json& status) {
  const Json counted = status.value("Counts", Json::object());
  return fmt::format("{} networks, {} sandboxes ({} running), {} endpoints, {} published ranges\n",
                     text_at(counted, "Networks"), text_at(counted, "Sandboxes"),
                     text_at(counted, "Running"), text_at(counted, "Endpoints"),
                     text_at(counted, "PublishedRanges"));
}

Cells feature_row(const Json& feature) {
  const bool present = feature.value("Present", false);
  return {text_at(feature, "Name"), present ? "yes" : "no", text_at(feature, "UsedFor"),
          present ? "" : text_at(feature, "Instead")};
}

Cells program_row(const Json& program) {
  return {text_at(program, "Name"), text_at(program, "Links")};
}

Cells map_row(const Json& map) {
  const auto entries = map.value("Entries", std::uint64_t{0});
  const auto most = map.value("MaxEntries", std::uint64_t{0});
  const std::string full = most == 0 ? "" : fmt::format("{} %", 100 * entries / most);
  return {text_at(map, "Name"), std::to_string(entries), std::to_string(most), full};
}

Cells uplink_row(const Json& uplink) {
  std::string address = text_at(uplink, "Address");
  if (const std::string ipv6 = text_at(uplink, "IPv6Address"); !ipv6.empty()) {
    address += (address.empty() ? "" : ", ") + ipv6;
  }
  const bool attached = uplink.value("Attached", false);
  return {text_at(uplink, "Name"), address.empty() ? "-" : address,
          attached ? "attached" : text_at(uplink, "Problem")};
}

// Traffic of no network has no name.
std::string network_of(const Json& row) {
  const std::string name = text_at(row, "Network");
  return name.empty() ? "-" : name;
}

Cells traffic_row(const Json& row) {
  return {network_of(row), text_at(row, "Path"), text_at(row, "Packets"), text_at(row, "Bytes")};
}

Cells drop_row(const Json& row) {
  return {network_of(row), text_at(row, "Reason"), text_at(row, "Packets"),
          text_at(row, "Meaning")};
}

Cells problem_row(const Json& problem) {
  return {problem.is_string() ? problem.get<std::string>() : problem.dump()};
}

} // namespace

std::string status_report(const Json& status) {
  std::string out = daemon(status) + "\n" + counts(status);
  out += listing(status, "Problems", "Differences between what is wanted and what the kernel has",
                 {"WHAT"}, problem_row);
  if (!status.value("Problems", Json::array()).empty()) {
    out += "  hint: a restart of ebpfnetd, which costs no traffic, repairs them\n";
  }
  out += listing(status, "Uplinks", "Uplinks", {"INTERFACE", "ADDRESS", "STATE"}, uplink_row);
  out += listing(status, "Drops", "Drops", {"NETWORK", "REASON", "PACKETS", "MEANING"}, drop_row);
  out +=
      listing(status, "Traffic", "Traffic", {"NETWORK", "PATH", "PACKETS", "BYTES"}, traffic_row);
  out += listing(status, "Maps", "Maps", {"MAP", "ENTRIES", "MAX", "FULL"}, map_row);
  out += listing(status, "Programs", "Programs", {"PROGRAM", "LINKS"}, program_row);
  out += listing(status, "Features", "Kernel features",
                 {"FEATURE", "PRESENT", "USED FOR", "INSTEAD"}, feature_row);
  return out;
}

} // namespace ebpfnet::cli
