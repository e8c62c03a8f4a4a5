// The order of decisions: can it be read, is it a kind of question that we take, do we know the
// name, may it leave.
#include "daemon/dns/resolver.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <random>

namespace ebpfnet::dns {
namespace {

using services::Family;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool asks_for_address(std::uint16_t type) {
  return type == rrtype::kA || type == rrtype::kAaaa || type == rrtype::kAny;
}

// "db" with explicit ndots stays here: the program asked for a search list to be applied to such
// names.
bool must_stay(const Question& question, const SandboxView& view) {
  return view.ndots_set && view.ndots > 0 && asks_for_address(question.type) &&
         !question.name.empty() && !question.name.contains('.');
}

std::optional<Rcode> refusal(const Query& query) {
  if (query.bad_edns_version) {
    return Rcode::noerror; // the reply's OPT record carries BADVERS
  }
  const bool transfer =
      query.question.type == rrtype::kAxfr || query.question.type == rrtype::kIxfr;
  if (query.question.klass != kClassIn || transfer) {
    return Rcode::refused;
  }
  return std::nullopt;
}

// Removes `suffix` (any letter case) from the end of `name`.
bool strip_suffix(std::string_view& name, std::string_view suffix) {
  if (name.size() < suffix.size() ||
      !equal_ignoring_case(name.substr(name.size() - suffix.size()), suffix)) {
    return false;
  }
  name.remove_suffix(suffix.size());
  return true;
}

// Labels in reverse order joined by `separator`: "4.3.2.1" -> "1.2.3.4".
std::vector<std::string_view> labels_reversed(std::string_view name) {
  std::vector<std::string_view> out;
  while (true) {
    const auto dot = name.rfind('.');
    out.push_back(name.substr(dot == std::string_view::npos ? 0 : dot + 1));
    if (dot == std::string_view::npos) {
      return out;
    }
    name = name.substr(0, dot);
  }
}

std::optional<IpAddress> from_octets(std::string_view name) {
  const auto labels = labels_reversed(name);
  if (labels.size() != 4) {
    return std::nullopt;
  }
  std::string text;
  for (const auto& label : labels) {
    text.append(text.empty() ? "" : ".").append(label);
  }
  const auto address = IpAddress::from(text);
  return address ? std::optional(*address) : std::nullopt;
}

std::optional<IpAddress> from_nibbles(std::string_view name) {
  const auto labels = labels_reversed(name);
  if (labels.size() != 32) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 32; ++i) {
    unsigned nibble = 0;
    const auto& label = labels[i];
    const auto [end, error] =
        std::from_chars(label.data(), label.data() + label.size(), nibble, 16);
    if (label.size() != 1 || error != std::errc() || end != label.data() + 1) {
      return std::nullopt;
    }
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4U | nibble);
  }
  return IpAddress::from_bytes(bytes);
}

void shuffle(std::vector<Record>& records) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::ranges::shuffle(records, random);
}

} // namespace

Answer Resolver::resolve(WireView wire, Transport transport, const SandboxView& view) const {
  Query::Unreadable why;
  auto query = Query::parse(wire, transport, why);
  if (!query) {
    return why.rcode ? Answer{Answer::Action::reply, make_header_reply(wire, *why.rcode), {}}
                     : Answer{};
  }
  if (const auto rcode = refusal(*query)) {
    return {Answer::Action::reply, make_reply(*query, *rcode, {}), {}};
  }
  auto records = own_answer(query->question, view);
  if (!records && must_stay(query->question, view)) {
    records.emplace();
  }
  if (!records) {
    return {Answer::Action::forward, {}, std::move(query)};
  }
  shuffle(*records);
  return {Answer::Action::reply, make_reply(*query, Rcode::noerror, *records), {}};
}

std::optional<std::vector<Record>> Resolver::own_answer(const Question& question,
                                                        const SandboxView& view) const {
  if (question.type == rrtype::kPtr || question.type == rrtype::kAny) {
    if (const auto address = address_of_reverse_name(question.name)) {
      return pointer(*address, view);
    }
  }
  if (const auto found = find(question.name, view)) {
    return addresses(*found, question.type);
  }
  return std::nullopt;
}

// A name may hold dots, and so may a network: every dot is tried as the border, the last one first.
std::optional<Resolver::Found> Resolver::find(std::string_view name,
                                              const SandboxView& view) const {
  for (const NetworkRef& network : view.networks) {
    if (registry_.knows(network.id, name)) {
      return Found{&network, name};
    }
  }
  for (auto dot = name.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = name.rfind('.', dot - 1)) {
    for (const NetworkRef& network : view.networks) {
      if (equal_ignoring_case(name.substr(dot + 1), network.name) &&
          registry_.knows(network.id, name.substr(0, dot))) {
        return Found{&network, name.substr(0, dot)};
      }
    }
  }
  return std::nullopt;
}

std::vector<Record> Resolver::addresses(const Found& found, std::uint16_t type) const {
  std::vector<Record> out;
  const auto add = [&](std::uint16_t own_type, Family family) {
    if (type == own_type || type == rrtype::kAny) {
      for (const IpAddress& address : registry_.lookup(found.network->id, found.name, family)) {
        out.push_back({own_type, address, {}});
      }
    }
  };
  add(rrtype::kA, Family::v4);
  add(rrtype::kAaaa, Family::v6);
  return out;
}

std::optional<std::vector<Record>> Resolver::pointer(const IpAddress& address,
                                                     const SandboxView& view) const {
  for (const NetworkRef& network : view.networks) {
    if (const auto answer = registry_.reverse(network.id, address)) {
      return std::vector{Record{rrtype::kPtr, {}, answer->name + "." + answer->network_name + "."}};
    }
  }
  return std::nullopt;
}

std::optional<IpAddress> address_of_reverse_name(std::string_view name) {
  if (strip_suffix(name, ".in-addr.arpa")) {
    return from_octets(name);
  }
  if (strip_suffix(name, ".ip6.arpa")) {
    return from_nibbles(name);
  }
  return std::nullopt;
}

} // namespace ebpfnet::dns
