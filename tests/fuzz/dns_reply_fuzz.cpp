// Replies of other DNS servers, and reverse names: the first line is a name that was asked for, the
// rest what came back.
#include "daemon/dns/message.hpp"
#include "daemon/dns/resolver.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::dns {
namespace {

void read_reply(const std::string& name, WireView wire) {
  const Question question{name, rrtype::kA, kClassIn};
  const std::uint16_t id = wire.size() >= 2 ? message_id(wire) : 0;
  const auto other = static_cast<std::uint16_t>(id + 1);
  DEMAND(!is_reply_to(wire, other, question));
  if (!is_reply_to(wire, id, question)) {
    return;
  }
  // What is passed on to the client carries the client's id, and nothing else is changed.
  Wire passed(wire.begin(), wire.end());
  set_message_id(passed, other);
  DEMAND(message_id(passed) == other);
  DEMAND(is_reply_to(passed, other, question) && !is_reply_to(passed, id, question));
  DEMAND(message_rcode(passed) == message_rcode(wire));
  Query::Unreadable why;
  DEMAND(!Query::parse(wire, Transport::udp, why) && !why.rcode);
}

void read_reverse_name(const std::string& name) {
  if (const auto address = address_of_reverse_name(name)) {
    DEMAND(fuzz::gives(IpAddress::from(address->to_string()), *address));
    DEMAND(!fuzz::has_nul(name));
  }
}

} // namespace
} // namespace ebpfnet::dns

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ebpfnet;
  const auto text = fuzz::text_of(data, size);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return -1;
  }
  const std::string name(text.substr(0, end));
  dns::read_reverse_name(name);
  dns::read_reply(name, {data + end + 1, size - end - 1});
  return 0;
}
