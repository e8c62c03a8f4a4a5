// DNS queries to 127.0.0.11: the first byte chooses the transport, the rest is the message. Every
// answer fits its transport and is one that the resolver itself would take as a reply to the query.
#include "daemon/dns/resolver.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::dns {
namespace {

const services::Registry& names() {
  static services::Registry registry;
  static const bool filled = [] {
    const auto add = [](const char* id, const char* network, std::vector<std::string> names,
                        std::uint32_t address) {
      registry.put({id, network, network, std::move(names), IpAddress::from_v4(address), {}});
    };
    add("e0", "cats", {"db", "store"}, 0x0a000002);
    add("e1", "dogs", {"odd.name", std::string(63, 'x')}, 0x0a000103);
    // More addresses than fit into a datagram.
    for (unsigned i = 0; i < 500; ++i) {
      const std::string id = "many" + std::to_string(i);
      add(id.c_str(), "cats", {"many"}, 0x0a000400 + i);
    }
    return true;
  }();
  (void)filled;
  return registry;
}

SandboxView view(bool ndots) {
  SandboxView out;
  out.networks = {{"cats", "cats"}, {"dogs", "dogs"}};
  out.ndots_set = ndots;
  out.ndots = ndots ? 1 : 0;
  return out;
}

// What goes out about a query that could be read.
void demand_reply(const Query& query, const Wire& reply, std::uint16_t id) {
  DEMAND(reply.size() >= kHeaderLen);
  DEMAND(reply.size() <= query.reply_limit);
  DEMAND(is_reply_to(reply, id, query.question));
}

void ask(WireView wire, Transport transport, bool ndots) {
  const Answer answer = Resolver(names()).resolve(wire, transport, view(ndots));
  Query::Unreadable why;
  const auto query = Query::parse(wire, transport, why);
  switch (answer.action) {
  case Answer::Action::drop:
    DEMAND(!query && !why.rcode);
    break;
  case Answer::Action::forward:
    DEMAND(query && answer.query);
    DEMAND(answer.query->question.matches(query->question));
    demand_reply(*query, make_reply(*query, Rcode::servfail, {}), message_id(wire));
    demand_reply(*query, make_truncated_reply(*query), message_id(wire));
    break;
  case Answer::Action::reply:
    DEMAND(message_id(answer.wire) == message_id(wire));
    if (query) {
      demand_reply(*query, answer.wire, message_id(wire));
    } else {
      DEMAND(why.rcode && answer.wire.size() == kHeaderLen);
      DEMAND(message_rcode(answer.wire) == *why.rcode);
    }
    // A reply is never taken for a query: two servers would answer each other for ever.
    DEMAND(!Query::parse(answer.wire, transport, why) && !why.rcode);
    break;
  }
}

} // namespace
} // namespace ebpfnet::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet::dns;
  if (size == 0) {
    return -1;
  }
  ask({data + 1, size - 1}, (data[0] & 1U) != 0 ? Transport::tcp : Transport::udp,
      (data[0] & 2U) != 0);
  return 0;
}
