// DNS messages on the wire (RFC 1035, EDNS0 of RFC 6891), read and built with ldns, whose types
// stay behind this header. Malformed input is an expected case everywhere: nothing here throws or
// trusts a length.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "maps/types/ip.hpp"

struct ldns_struct_pkt;

namespace ebpfnet::dns {

using Wire = std::vector<std::uint8_t>;
using WireView = std::span<const std::uint8_t>;

enum class Transport { udp, tcp };

// Numbers of RFC 1035 and its successors, as far as this server decides by them.
enum class Rcode : std::uint8_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5
};
namespace rrtype {
inline constexpr std::uint16_t kA = 1, kPtr = 12, kAaaa = 28, kIxfr = 251, kAxfr = 252, kAny = 255;
}
inline constexpr std::uint16_t kClassIn = 1;
inline constexpr std::size_t kHeaderLen = 12;

// First question of a message. `name` is in presentation form without the last dot; the root is "".
struct Question {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;

  // Same type, class and name, letter case aside.
  bool matches(const Question& other) const;
};

// A query that could be read: exactly one question.
class Query {
public:
  Question question;
  Transport transport = Transport::udp;
  std::size_t reply_limit = 512; // bytes the client can take in one message
  bool bad_edns_version = false;

  // An error says what to do with the bytes: answer with that code, or (no code) drop them.
  struct Unreadable {
    std::optional<Rcode> rcode;
  };
  static std::optional<Query> parse(WireView wire, Transport transport, Unreadable& why);

  const ldns_struct_pkt& packet() const { return *packet_; }

private:
  std::shared_ptr<const ldns_struct_pkt> packet_;
};

// One record of an answer: an address (A, AAAA) or a name (PTR).
struct Record {
  std::uint16_t type = 0;
  IpAddress address;  // A, AAAA
  std::string target; // PTR, presentation form
};

// A reply with the question as it was asked, `answers` under the question's name with a TTL of 600
// s, and an OPT record when the query had one. Over UDP, records that exceed the client's limit are
// left out and TC is set. Records that have no wire form (a label over 63 bytes) are left out.
Wire make_reply(const Query& query, Rcode rcode, const std::vector<Record>& answers);

// The question with TC and no records: tells a UDP client to come back over TCP.
Wire make_truncated_reply(const Query& query);

// A bare header: for messages whose question cannot be repeated. `wire` has at least kHeaderLen
// bytes.
Wire make_header_reply(WireView wire, Rcode rcode);

std::uint16_t message_id(WireView wire);
void set_message_id(Wire& wire, std::uint16_t id);
Rcode message_rcode(WireView wire);

// Is this the reply to a query with this id and question? Replies that only carry an error code may
// lack the question.
bool is_reply_to(WireView wire, std::uint16_t id, const Question& question);

} // namespace ebpfnet::dns
