// Decides what becomes of one query from a sandbox: answered from the registry, refused, or
// forwarded. It does no I/O and keeps no state, so the same bytes, view and registry always give
// the same decision (the order of addresses is random). The rules are Docker's for 127.0.0.11.
#pragma once

#include <optional>

#include "daemon/dns/message.hpp"
#include "daemon/dns/view.hpp"
#include "daemon/services/registry.hpp"

namespace ebpfnet::dns {

struct Answer {
  enum class Action {
    reply,   // send `wire`
    forward, // ask the sandbox's servers `query`
    drop,    // nothing that could be answered
  };
  Action action = Action::drop;
  Wire wire;
  std::optional<Query> query;
};

class Resolver {
public:
  // `registry` must outlive the resolver.
  explicit Resolver(const services::Registry& registry) : registry_(registry) {}

  // Any bytes are allowed. Names are looked up in the sandbox's networks only, first as they are in
  // every network, then as NAME.NETWORK. A known name without an address of the family asked for is
  // an empty answer, never forwarded.
  Answer resolve(WireView wire, Transport transport, const SandboxView& view) const;

private:
  struct Found {
    const NetworkRef* network;
    std::string_view name;
  };
  std::optional<std::vector<Record>> own_answer(const Question& question,
                                                const SandboxView& view) const;
  std::optional<Found> find(std::string_view name, const SandboxView& view) const;
  std::vector<Record> addresses(const Found& found, std::uint16_t type) const;
  std::optional<std::vector<Record>> pointer(const IpAddress& address,
                                             const SandboxView& view) const;

  const services::Registry& registry_;
};

// The address that a name below in-addr.arpa or ip6.arpa stands for; none unless it is a complete
// one.
std::optional<IpAddress> address_of_reverse_name(std::string_view name);

} // namespace ebpfnet::dns
