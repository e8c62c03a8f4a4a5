// The records by which published ports are served, and the index that leads to them. See
// publisher.hpp.
#include <netinet/in.h>

#include <algorithm>

#include "daemon/network/publisher.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network {

Result<void> Publisher::serve(const std::string& sandbox_id, const Servers& servers) {
  const std::scoped_lock lock(mutex_);
  Result<void> first_error;
  for (const auto& entry : entries_) {
    if (entry->sandbox_id == sandbox_id) {
      auto served = serve_one(*entry, parts_of(*entry, servers));
      first_error = first_error ? std::move(served) : std::move(first_error);
    }
  }
  return first_error;
}

// IPv6 clients of a sandbox without IPv6 are not served yet: their part goes to the endpoint of
// IPv4, which has no IPv6 address, so that the port is held for them.
std::vector<Publisher::Part> Publisher::parts_of(const Entry& entry, const Servers& servers) {
  const bool one_host = !entry.host.is_unspecified();
  const bool wants4 = one_host ? entry.host.is_v4() : entry.any4;
  const bool wants6 = one_host ? !entry.host.is_v4() : entry.any6;
  const Slot server6 = servers.ipv6 == Slot() ? servers.ipv4 : servers.ipv6;
  std::vector<Part> parts;
  if (wants4 && servers.ipv4 != Slot()) {
    parts.push_back({static_cast<std::uint8_t>(one_host ? 0 : EBN_PUB_ANY4), servers.ipv4});
  }
  if (wants6 && server6 != Slot()) {
    const std::uint8_t flags = one_host ? 0 : EBN_PUB_ANY6;
    if (!parts.empty() && parts.front().slot == server6) {
      parts.front().flags |= flags;
    } else {
      parts.push_back({flags, server6});
    }
  }
  return parts;
}

// The entry keeps its records as far as it goes on needing them; the others are cleared when no
// port leads to them any more.
Result<void> Publisher::serve_one(Entry& entry, std::vector<Part> parts) {
  const auto same = [](const Part& a, const Part& b) {
    return a.flags == b.flags && a.slot == b.slot;
  };
  if (std::ranges::equal(entry.parts, parts, same)) {
    return {};
  }
  std::vector<std::uint32_t> spare;
  for (const Part& part : entry.parts) {
    spare.push_back(part.record);
  }
  for (Part& part : parts) {
    if (spare.empty()) {
      part.record = TRY(take_record(entry, part));
    } else {
      part.record = spare.front();
      spare.erase(spare.begin());
    }
  }
  entry.parts = std::move(parts);
  const bool later = adopting_ && spare.empty(); // `sweep` links all that is known by then
  auto outcome =
      later ? Result<void>() : relink(entry.protocol, entry.spec.host_first, entry.spec.host_last);
  for (const std::uint32_t record : spare) {
    auto cleared = context_.plane.maps().published.put(record, ebn_publish{});
    outcome = outcome ? std::move(cleared) : std::move(outcome);
    records_.give(record);
  }
  return outcome;
}

Result<std::uint32_t> Publisher::take_record(const Entry& entry, const Part& part) {
  const std::uint32_t adopted = adopted_record(entry, part);
  return adopted != 0 ? Result<std::uint32_t>(adopted) : records_.take();
}

// What is served in ranges that hang together with first..last, in order of their first port.
std::vector<Publisher::Link> Publisher::component(std::uint8_t protocol, std::uint32_t first,
                                                  std::uint32_t last) const {
  std::vector<const Entry*> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& entry : entries_) {
      const bool inside = entry->spec.host_first <= last && entry->spec.host_last >= first;
      if (entry->protocol != protocol || entry->parts.empty() || !inside ||
          std::ranges::find(found, entry.get()) != found.end()) {
        continue;
      }
      found.push_back(entry.get());
      first = std::min<std::uint32_t>(first, entry->spec.host_first);
      last = std::max<std::uint32_t>(last, entry->spec.host_last);
      grown = true;
    }
  }
  std::ranges::sort(found, {}, [](const Entry* e) { return e->spec.host_first; });
  std::vector<Link> out;
  for (const Entry* entry : found) {
    for (const Part& part : entry->parts) {
      out.push_back({entry, &part});
    }
  }
  return out;
}

// Writes the chains of what touches first..last, then points the ports at their heads. A chain
// holds exactly what hangs together: ranges that only a removed one joined are served apart from
// then on.
Result<void> Publisher::relink(std::uint8_t protocol, std::uint32_t first, std::uint32_t last) {
  const std::vector<Link> all = component(protocol, first, last);
  std::vector<std::vector<Link>> chains;
  std::uint32_t end = 0;
  for (const Link& link : all) {
    const api::PortSpec& spec = link.entry->spec;
    if (chains.empty() || spec.host_first > end) {
      chains.emplace_back();
    }
    chains.back().push_back(link);
    end = std::max<std::uint32_t>(end, spec.host_last);
    if (chains.back().size() > EBN_MAX_PUBLISH_CHAIN) {
      return fail(ErrorCode::exhausted, "more than {} published ranges overlap each other",
                  static_cast<int>(EBN_MAX_PUBLISH_CHAIN));
    }
  }
  auto& index = context_.plane.maps().port_index;
  for (std::uint32_t port = first; port <= last; ++port) {
    const bool covered = std::ranges::any_of(all, [&](const Link& link) {
      return link.entry->spec.host_first <= port && port <= link.entry->spec.host_last;
    });
    if (!covered) {
      index.set(protocol, static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port), 0);
    }
  }
  for (const auto& chain : chains) {
    TRY_VOID(write_chain(chain));
  }
  return {};
}

// Records come before the index that leads to them, so that a packet never finds half a chain.
Result<void> Publisher::write_chain(const std::vector<Link>& chain) {
  auto& maps = context_.plane.maps();
  std::uint32_t next = 0;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    TRY_VOID(maps.published.put(it->part->record, record_of(*it, next)));
    next = it->part->record;
  }
  for (const Link& link : chain) {
    const Entry& entry = *link.entry;
    maps.port_index.set(entry.protocol, entry.spec.host_first, entry.spec.host_last, next);
  }
  return {};
}

ebn_publish Publisher::record_of(const Link& link, std::uint32_t next) {
  const Entry& entry = *link.entry;
  ebn_publish record{};
  record.host = view::to_abi(entry.host);
  record.slot = link.part->slot.value;
  record.next = next;
  record.first = entry.spec.host_first;
  record.last = entry.spec.host_last;
  record.target = entry.spec.first;
  record.proto = entry.protocol;
  record.flags = link.part->flags;
  return record;
}

Result<void> Publisher::adopt_records() {
  const std::scoped_lock lock(mutex_);
  adopting_ = true;
  auto& maps = context_.plane.maps();
  for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    std::uint32_t previous = 0;
    for (std::uint32_t port = 0; port < 65536; ++port) {
      const std::uint32_t head = maps.port_index.get(protocol, static_cast<std::uint16_t>(port));
      const bool seen = head == previous || adoptable_.contains(head);
      previous = head;
      for (std::uint32_t id = seen ? 0 : head;
           id != 0 && id < EBN_MAX_PUBLISHES && !adoptable_.contains(id);) {
        const auto record = TRY(maps.published.get(id));
        adoptable_[id] = *record;
        records_.claim(id);
        id = record->next;
      }
    }
  }
  // Those to which no port leads any more were about to go when the daemon died.
  return maps.published.walk([this](std::uint32_t id, const ebn_publish& record) {
    if (record.first != 0 && adoptable_.emplace(id, record).second) {
      records_.claim(id);
    }
  });
}

// The record that said the same in an earlier life, or 0.
std::uint32_t Publisher::adopted_record(const Entry& entry, const Part& part) {
  for (const auto& [id, record] : adoptable_) {
    if (record.proto == entry.protocol && record.first == entry.spec.host_first &&
        record.last == entry.spec.host_last && record.flags == part.flags &&
        view::from_abi(record.host) == entry.host) {
      const std::uint32_t found = id;
      adoptable_.erase(found);
      return found;
    }
  }
  return 0;
}

Result<void> Publisher::sweep() {
  const std::scoped_lock lock(mutex_);
  adopting_ = false;
  for (const auto& entry : entries_) {
    if (!entry->parts.empty()) {
      TRY_VOID(relink(entry->protocol, entry->spec.host_first, entry->spec.host_last));
    }
  }
  clear_strays();
  for (const auto& [id, record] : adoptable_) {
    TRY_VOID(context_.plane.maps().published.put(id, ebn_publish{}));
    records_.give(id);
  }
  adoptable_.clear();
  return reserve_from_kernel();
}

// What a record says of its range is not asked: a port that nobody publishes leads nowhere.
void Publisher::clear_strays() {
  auto& index = context_.plane.maps().port_index;
  for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    PortSet served;
    for (const auto& entry : entries_) {
      if (entry->protocol == protocol && !entry->parts.empty()) {
        served.add(entry->spec.host_first, entry->spec.host_last);
      }
    }
    for (std::uint32_t each = 0; each < 65536; ++each) {
      const auto port = static_cast<std::uint16_t>(each);
      if (!served.contains(port) && index.get(protocol, port) != 0) {
        index.set(protocol, port, port, 0);
      }
    }
  }
}

} // namespace ebpfnet::network
