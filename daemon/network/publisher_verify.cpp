// Holds the maps of published ports and the reserved ports against the entries. See publisher.hpp.
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "daemon/network/publisher.hpp"

namespace ebpfnet::network {

// Of one moment: entries and maps change under the same mutex only.
struct Publisher::Snapshot {
  std::vector<Entry> served;
  PortSet wanted;   // to be reserved
  PortSet reserved; // also by others
  std::map<std::uint8_t, std::vector<std::uint32_t>> heads;
  std::map<std::uint32_t, ebn_publish> records; // rows in use
};

namespace {

using Heads = std::vector<std::uint32_t>;
using Records = std::map<std::uint32_t, ebn_publish>;

// The records that a packet meets from this head on; the last may be one that is not in use.
std::vector<std::uint32_t> chain_of(const Records& records, std::uint32_t head) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t id = head; id != 0 && out.size() < EBN_MAX_PUBLISH_CHAIN;) {
    out.push_back(id);
    const auto record = records.find(id);
    id = record == records.end() ? 0 : record->second.next;
  }
  return out;
}

// Those of first..last from which the record is not reached.
PortSet lost_ports(const Heads& heads, const Records& records, const api::PortSpec& spec,
                   std::uint32_t record) {
  PortSet out;
  bool reached = false;
  for (std::uint32_t port = spec.host_first; port <= spec.host_last; ++port) {
    if (port == spec.host_first || heads[port] != heads[port - 1]) {
      const auto chain = chain_of(records, heads[port]);
      reached = std::ranges::find(chain, record) != chain.end();
    }
    if (!reached) {
      out.add(port, port);
    }
  }
  return out;
}

// Ports that lead to a record that serves nobody.
PortSet stray_ports(const Heads& heads, const Records& records,
                    const std::set<std::uint32_t>& ours) {
  PortSet out;
  std::uint32_t previous = 0;
  bool stray = false;
  for (std::uint32_t port = 0; port < heads.size(); ++port) {
    if (heads[port] != previous) {
      previous = heads[port];
      stray = std::ranges::any_of(chain_of(records, previous),
                                  [&](std::uint32_t id) { return !ours.contains(id); });
    }
    if (stray) {
      out.add(port, port);
    }
  }
  return out;
}

PortSet used_ports(const Heads& heads) {
  PortSet out;
  for (std::uint32_t port = 0; port < heads.size(); ++port) {
    if (heads[port] != 0) {
      out.add(port, port);
    }
  }
  return out;
}

} // namespace

Result<std::vector<std::string>> Publisher::problems() const {
  const Snapshot now = TRY(look());
  std::vector<std::string> out;
  for (const Entry& entry : now.served) {
    for (const Part& part : entry.parts) {
      check_part(now, {&entry, &part}, out);
    }
  }
  for (const auto& [protocol, heads] : now.heads) {
    PortSet published;
    std::set<std::uint32_t> ours;
    for (const Entry& entry : now.served) {
      if (entry.protocol == protocol) {
        published.add(entry.spec.host_first, entry.spec.host_last);
        for (const Part& part : entry.parts) {
          ours.insert(part.record);
        }
      }
    }
    const std::string_view name = protocol == IPPROTO_UDP ? "udp" : "tcp";
    const PortSet strays = stray_ports(heads, now.records, ours);
    if (!strays.empty()) {
      out.push_back(fmt::format("{} {} of the host leads to a published record of no sandbox", name,
                                strays.to_string()));
    }
    const PortSet unpublished = used_ports(heads).without(published).without(strays);
    if (!unpublished.empty()) {
      out.push_back(fmt::format("{} {} of the host leads to a published record of another port",
                                name, unpublished.to_string()));
    }
  }
  const PortSet unreserved = now.wanted.without(now.reserved);
  if (!unreserved.empty()) {
    out.push_back(fmt::format("the kernel setting net.ipv4.ip_local_reserved_ports lacks {}: "
                              "published ports and {}-{}, of masquerading, could be given to "
                              "processes of the host",
                              unreserved.to_string(), context_.options.masq_first,
                              context_.options.masq_last));
  }
  return out;
}

void Publisher::check_part(const Snapshot& now, const Link& link,
                           std::vector<std::string>& problems) {
  const Entry& entry = *link.entry;
  const std::uint32_t id = link.part->record;
  const std::string what =
      fmt::format("published port {} of sandbox '{}'", entry.spec.to_string(), entry.sandbox_name);
  const auto record = now.records.find(id);
  if (record == now.records.end()) {
    problems.push_back(what + " has no record in the map of published ports");
    return;
  }
  const ebn_publish wanted = record_of(link, record->second.next);
  if (std::memcmp(&wanted, &record->second, sizeof wanted) != 0) {
    problems.push_back(what + " has a wrong record in the map of published ports");
  }
  const PortSet lost = lost_ports(now.heads.at(entry.protocol), now.records, entry.spec, id);
  if (!lost.empty()) {
    problems.push_back(fmt::format("{}: {} {} of the host does not lead to it", what,
                                   entry.spec.protocol, lost.to_string()));
  }
}

Result<Publisher::Snapshot> Publisher::look() const {
  Snapshot out;
  const auto& maps = context_.plane.maps();
  const std::scoped_lock lock(mutex_);
  for (const auto& entry : entries_) {
    if (!entry->parts.empty()) {
      out.served.push_back(*entry);
    }
  }
  for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    out.heads[protocol] = maps.port_index.heads(protocol);
  }
  TRY_VOID(maps.published.walk([&](std::uint32_t id, const ebn_publish& record) {
    if (record.proto != 0) {
      out.records.emplace(id, record);
    }
  }));
  out.wanted = reserved();
  out.reserved = TRY(read_reserved_ports());
  return out;
}

} // namespace ebpfnet::network
