#include "daemon/network/publisher.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "daemon/netlink/sock_diag.hpp"

namespace ebpfnet::network {
namespace {

bool ranges_overlap(const api::PortSpec& a, const api::PortSpec& b) {
  return a.host_first <= b.host_last && b.host_first <= a.host_last;
}

std::string range_text(const api::PortSpec& spec) {
  return spec.host_first == spec.host_last ? std::to_string(spec.host_first)
                                           : fmt::format("{}-{}", spec.host_first, spec.host_last);
}

std::string host_text(const api::PortSpec& spec) {
  return spec.host_ip.empty() ? "0.0.0.0" : spec.host_ip;
}

// As a server of the host would be refused: by binding there, to no port in particular.
Result<void> check_local(const IpAddress& address, std::string_view what) {
  const int domain = address.is_v4() ? AF_INET : AF_INET6;
  const UniqueFd fd(::socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  std::memcpy(&in.sin_addr, address.bytes().data() + 12, sizeof in.sin_addr);
  std::memcpy(&in6.sin6_addr, address.bytes().data(), sizeof in6.sin6_addr);
  const auto* name = address.is_v4() ? reinterpret_cast<const sockaddr*>(&in)
                                     : reinterpret_cast<const sockaddr*>(&in6);
  const socklen_t length = address.is_v4() ? sizeof in : sizeof in6;
  if (::bind(fd.get(), name, length) != 0 && errno == EADDRNOTAVAIL) {
    return Failure(
        Error{ErrorCode::invalid, EADDRNOTAVAIL,
              fmt::format("{}: this host does not have the address {}", what, address.to_string()),
              "publish on an address of the host, or on all by leaving it out"});
  }
  return {};
}

} // namespace

Publisher::Publisher(Context& context) : context_(context) {}

Result<std::vector<api::PortSpec>> Publisher::reserve(const Sandbox& sandbox,
                                                      const std::vector<api::PortSpec>& specs,
                                                      bool check_host) {
  const std::scoped_lock lock(mutex_);
  const std::size_t before = entries_.size();
  std::vector<api::PortSpec> out;
  for (const api::PortSpec& spec : specs) {
    auto entry = make_entry(sandbox, spec);
    auto chosen = entry ? choose_ports(*entry, check_host) : Result<void>(Failure(entry.error()));
    if (!chosen) {
      entries_.resize(before);
      return Failure(std::move(chosen).error());
    }
    out.push_back(entry->spec);
    entries_.push_back(std::make_unique<Entry>(std::move(*entry)));
  }
  if (auto reserved = reserve_from_kernel(); !reserved) {
    entries_.resize(before);
    return Failure(std::move(reserved).error());
  }
  return out;
}

Result<Publisher::Entry> Publisher::make_entry(const Sandbox& sandbox,
                                               const api::PortSpec& spec) const {
  // A request as JSON carries numbers: they are held to the rules of the text form.
  const auto checked = TRY(api::PortSpec::from(spec.to_string()));
  if (checked != spec) {
    return fail(ErrorCode::invalid, "'{}' is not a port or range to publish", spec.to_string());
  }
  Entry entry;
  entry.sandbox_id = sandbox.id;
  entry.sandbox_name = sandbox.name;
  entry.spec = spec;
  entry.protocol = spec.protocol == "udp" ? IPPROTO_UDP : IPPROTO_TCP;
  entry.any4 = spec.host_ip.empty();
  entry.any6 = spec.host_ip.empty();
  if (!spec.host_ip.empty()) {
    const IpAddress host = TRY(IpAddress::from(spec.host_ip));
    entry.any4 = host.is_unspecified() && host.is_v4();
    entry.any6 = host.is_unspecified() && !host.is_v4();
    entry.host = host.is_unspecified() ? IpAddress() : host;
  }
  return entry;
}

// Sets the entry's host ports: those that were asked for, one of a range, or any.
Result<void> Publisher::choose_ports(Entry& entry, bool check_host) const {
  const std::uint32_t length = entry.spec.last - entry.spec.first;
  const bool any = entry.spec.host_first == 0;
  if (!any && static_cast<std::uint32_t>(entry.spec.host_last - entry.spec.host_first) == length) {
    return check_free(entry, check_host);
  }
  const std::uint32_t low = any ? 32768 : entry.spec.host_first;
  const std::uint32_t last_port = any ? 60999 : entry.spec.host_last;
  if (last_port - low < length) {
    return Failure(
        Error{ErrorCode::exhausted, 0,
              fmt::format("{} host ports cannot be chosen from {}-{}", length + 1, low, last_port),
              "say which ones: -p HOSTPORT-END:PORT-END"});
  }
  const std::uint32_t high = last_port - length;
  static thread_local std::mt19937 random{std::random_device{}()};
  const std::uint32_t span = high - low + 1;
  const std::uint32_t offset = any ? random() % span : 0;
  Error last;
  for (std::uint32_t i = 0; i < span; ++i) {
    const std::uint32_t port = low + (offset + i) % span;
    entry.spec.host_first = static_cast<std::uint16_t>(port);
    entry.spec.host_last = static_cast<std::uint16_t>(port + length);
    auto free = check_free(entry, check_host);
    if (free) {
      return {};
    }
    last = std::move(free).error();
  }
  return Failure(Error{ErrorCode::conflict, 0,
                       fmt::format("no free host port in {}-{}: {}", low, high, last.message),
                       last.hint});
}

const Publisher::Entry* Publisher::conflict(const Entry& wanted) const {
  for (const auto& entry : entries_) {
    const bool same_host =
        (entry->any4 && (wanted.any4 || (wanted.host.is_v4() && !wanted.any6))) ||
        (wanted.any4 && entry->host.is_v4() && !entry->any6) ||
        (entry->any6 && (wanted.any6 || (!wanted.host.is_v4() && !wanted.host.is_unspecified()))) ||
        (wanted.any6 && !entry->host.is_v4() && !entry->host.is_unspecified()) ||
        (!entry->host.is_unspecified() && entry->host == wanted.host);
    if (entry->protocol == wanted.protocol && same_host &&
        ranges_overlap(entry->spec, wanted.spec)) {
      return entry.get();
    }
  }
  return nullptr;
}

Result<void> Publisher::check_free(const Entry& wanted, bool check_host) const {
  const api::PortSpec& spec = wanted.spec;
  const std::string what =
      fmt::format("publish {}:{}/{}", host_text(spec), range_text(spec), spec.protocol);
  if (spec.host_first <= context_.options.masq_last &&
      context_.options.masq_first <= spec.host_last) {
    return Failure(Error{ErrorCode::conflict, 0,
                         fmt::format("{}: ports {}-{} are kept for masquerading", what,
                                     context_.options.masq_first, context_.options.masq_last),
                         "choose another port"});
  }
  if (const Entry* other = conflict(wanted)) {
    return Failure(Error{
        ErrorCode::conflict, 0,
        fmt::format("{}: Bind for {}:{} failed: port is already allocated to sandbox '{}'", what,
                    host_text(other->spec), range_text(other->spec), other->sandbox_name),
        "choose another port or remove that sandbox"});
  }
  if (!check_host) {
    return {};
  }
  if (!wanted.host.is_unspecified()) {
    TRY_VOID(check_local(wanted.host, what));
  }
  const IpAddress any4 = IpAddress::from_v4(0);
  const IpAddress address = wanted.any4 && !wanted.any6 ? any4 : wanted.host;
  const auto owner =
      TRY(netlink::find_listener(spec.protocol, spec.host_first, spec.host_last, address));
  if (owner) {
    const std::string who = owner->process.empty() ? "a host process" : owner->process;
    return Failure(
        Error{ErrorCode::conflict, 0,
              fmt::format("{}: failed to bind host port {}:{}/{}: address already in use by {}",
                          what, owner->address.to_string(), owner->port, spec.protocol, who),
              "choose another port or end that process"});
  }
  return {};
}

Result<void> Publisher::release(const std::string& sandbox_id) {
  auto dropped = serve(sandbox_id, {});
  const std::scoped_lock lock(mutex_);
  if (std::erase_if(entries_, [&](const auto& entry) { return entry->sandbox_id == sandbox_id; }) ==
      0) {
    return dropped;
  }
  auto reserved = reserve_from_kernel();
  return dropped ? reserved : dropped;
}

Result<void> Publisher::release_one(const std::string& sandbox_id, const api::PortSpec& spec) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) {
    return entry->sandbox_id == sandbox_id && entry->spec == spec;
  });
  if (found == entries_.end()) {
    return {};
  }
  auto dropped = serve_one(**found, {});
  entries_.erase(found);
  auto reserved = reserve_from_kernel();
  return dropped ? reserved : dropped;
}

// Keeps the kernel's automatic port choice away from what is published and from the masquerade
// range.
Result<void> Publisher::reserve_from_kernel() {
  if (adopting_) {
    return {}; // all are known at the end, in `sweep`
  }
  return apply_reserved_ports(context_.store, reserved());
}

PortSet Publisher::reserved() const {
  PortSet ours;
  ours.add(context_.options.masq_first, context_.options.masq_last);
  for (const auto& entry : entries_) {
    ours.add(entry->spec.host_first, entry->spec.host_last);
  }
  return ours;
}

PublishedCount Publisher::count(std::uint8_t protocol) const {
  const std::scoped_lock lock(mutex_);
  PublishedCount out;
  for (const auto& entry : entries_) {
    if (entry->protocol == protocol) {
      ++out.ranges;
      out.ports += static_cast<std::size_t>(entry->spec.host_last - entry->spec.host_first) + 1;
    }
  }
  return out;
}

} // namespace ebpfnet::network
