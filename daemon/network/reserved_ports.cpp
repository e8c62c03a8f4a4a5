#include "daemon/network/reserved_ports.hpp"

#include <charconv>

#include "daemon/netlink/sysctl.hpp"

namespace ebpfnet::network {
namespace {

constexpr std::string_view kSysctl = "net/ipv4/ip_local_reserved_ports";
constexpr std::string_view kSetting = "reserved_ports";

Result<PortSet> remembered(state::Store& store) {
  for (const auto& record : TRY(store.load("setting"))) {
    if (record.id == kSetting) {
      return PortSet::from(record.doc.value("ports", ""));
    }
  }
  return PortSet();
}

Result<void> remember(state::Store& store, const PortSet& ports) {
  state::Change change;
  change.op = state::Change::Op::put;
  change.kind = "setting";
  change.id = kSetting;
  change.name = kSetting;
  change.doc = {{"ports", ports.to_string()}};
  return store.apply({&change, 1});
}

} // namespace

Result<PortSet> PortSet::from(std::string_view text) {
  PortSet out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end && *at != '\n') {
    unsigned first = 0;
    auto [after, error] = std::from_chars(at, end, first);
    unsigned last = first;
    if (error == std::errc{} && after != end && *after == '-') {
      const auto second = std::from_chars(after + 1, end, last);
      after = second.ptr;
      error = second.ec;
    }
    if (error != std::errc{} || first > 65535 || last > 65535 || last < first) {
      return fail(ErrorCode::internal, "'{}' is not a list of port ranges", text);
    }
    out.add(first, last);
    at = after != end && *after == ',' ? after + 1 : after;
  }
  return out;
}

std::string PortSet::to_string() const {
  std::string out;
  for (std::uint32_t port = 0; port < 65536; ++port) {
    if (!ports_[port]) {
      continue;
    }
    const std::uint32_t first = port;
    while (port + 1 < 65536 && ports_[port + 1]) {
      ++port;
    }
    out += fmt::format("{}{}", out.empty() ? "" : ",", first);
    out += port == first ? "" : fmt::format("-{}", port);
  }
  return out;
}

void PortSet::add(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t port = first; port <= last; ++port) {
    ports_.set(port);
  }
}

PortSet PortSet::with(const PortSet& other) const {
  PortSet out = *this;
  out.ports_ |= other.ports_;
  return out;
}

PortSet PortSet::without(const PortSet& other) const {
  PortSet out = *this;
  out.ports_ &= ~other.ports_;
  return out;
}

Result<PortSet> read_reserved_ports() {
  const std::string text = TRY(netlink::read_sysctl(kSysctl));
  return PortSet::from(text);
}

// What is remembered is never less than what the kernel has from us: a death between the two would
// else leave ports reserved that nobody knows any more.
Result<void> apply_reserved_ports(state::Store& store, const PortSet& ours) {
  const PortSet before = TRY(remembered(store));
  const PortSet both = before.with(ours);
  const PortSet now = TRY(read_reserved_ports());
  const PortSet wanted = now.without(before).with(ours);
  if (both != before) {
    TRY_VOID(remember(store, both));
  }
  if (wanted != now) {
    TRY_VOID(netlink::write_sysctl(kSysctl, wanted.to_string() + "\n"));
  }
  return both == ours ? Result<void>() : remember(store, ours);
}

} // namespace ebpfnet::network
