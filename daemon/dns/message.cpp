// Parsing checks the twelve header bytes by hand and leaves the rest to ldns; building is ldns
// alone.
#include "daemon/dns/message.hpp"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <strings.h>

namespace ebpfnet::dns {
namespace {

constexpr std::uint32_t kTtlSeconds = 600;
constexpr std::uint16_t kOwnUdpSize = 4096; // what we take, and the most that we send over UDP
constexpr std::size_t kClassicUdpSize = 512;
constexpr std::size_t kSmallestRecord =
    16; // compressed owner, type, class, TTL, length, IPv4 address
constexpr std::uint8_t kBadVersionHigh = 1; // upper bits of the extended code BADVERS (16)

struct RrDeleter {
  void operator()(ldns_rr* rr) const noexcept { ldns_rr_free(rr); }
};
struct PacketDeleter {
  void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
};
struct FreeDeleter {
  void operator()(void* memory) const noexcept { std::free(memory); }
};
using Rr = std::unique_ptr<ldns_rr, RrDeleter>;
using Packet = std::unique_ptr<ldns_pkt, PacketDeleter>;

std::uint16_t be16(WireView wire, std::size_t at) {
  return static_cast<std::uint16_t>(wire[at] << 8U | wire[at + 1]);
}
bool is_response(WireView wire) {
  return (wire[2] & 0x80U) != 0;
}
unsigned opcode(WireView wire) {
  return (wire[2] >> 3U) & 0xfU;
}

Question question_of(const ldns_rr& rr) {
  Question out;
  const std::unique_ptr<char, FreeDeleter> text(ldns_rdf2str(ldns_rr_owner(&rr)));
  out.name = text ? text.get() : "";
  if (out.name.ends_with('.')) {
    out.name.pop_back(); // ldns always ends with the root's dot; an escaped one cannot be last
  }
  out.type = static_cast<std::uint16_t>(ldns_rr_get_type(&rr));
  out.klass = static_cast<std::uint16_t>(ldns_rr_get_class(&rr));
  return out;
}

// The question alone: replies of other servers need not be understood any further.
std::optional<Question> read_question(WireView wire) {
  ldns_rr* raw = nullptr;
  std::size_t at = kHeaderLen;
  if (ldns_wire2rr(&raw, wire.data(), wire.size(), &at, LDNS_SECTION_QUESTION) != LDNS_STATUS_OK) {
    return std::nullopt;
  }
  const Rr rr(raw);
  return question_of(*rr);
}

std::size_t reply_limit(const ldns_pkt& packet, Transport transport) {
  if (transport == Transport::tcp) {
    return 65535;
  }
  const std::size_t asked = ldns_pkt_edns(&packet) ? ldns_pkt_edns_udp_size(&packet) : 0;
  return std::clamp<std::size_t>(asked, kClassicUdpSize, kOwnUdpSize);
}

ldns_rdf* rdata_of(const Record& record) {
  const auto& bytes = record.address.bytes();
  switch (record.type) {
  case rrtype::kA:
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, bytes.data() + 12);
  case rrtype::kAaaa:
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, 16, bytes.data());
  default:
    return ldns_dname_new_frm_str(record.target.c_str());
  }
}

Rr make_record(const ldns_rdf& owner, const Record& record) {
  ldns_rdf* data = rdata_of(record);
  if (data == nullptr) {
    return nullptr;
  }
  Rr rr(ldns_rr_new());
  ldns_rr_set_owner(rr.get(), ldns_rdf_clone(&owner));
  ldns_rr_set_type(rr.get(), static_cast<ldns_rr_type>(record.type));
  ldns_rr_set_class(rr.get(), LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(rr.get(), kTtlSeconds);
  ldns_rr_push_rdf(rr.get(), data);
  return rr;
}

Packet reply_head(const Query& query, Rcode rcode) {
  const ldns_pkt& asked = query.packet();
  Packet reply(ldns_pkt_new());
  ldns_pkt_set_id(reply.get(), ldns_pkt_id(&asked));
  ldns_pkt_set_qr(reply.get(), true);
  ldns_pkt_set_rd(reply.get(), ldns_pkt_rd(&asked));
  ldns_pkt_set_cd(reply.get(), ldns_pkt_cd(&asked));
  ldns_pkt_set_ra(reply.get(), true);
  ldns_pkt_set_rcode(reply.get(), static_cast<std::uint8_t>(rcode));
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(&asked), 0);
  ldns_pkt_push_rr(reply.get(), LDNS_SECTION_QUESTION, ldns_rr_clone(question));
  if (ldns_pkt_edns(&asked)) {
    ldns_pkt_set_edns_udp_size(reply.get(), kOwnUdpSize);
    ldns_pkt_set_edns_do(reply.get(), ldns_pkt_edns_do(&asked));
    ldns_pkt_set_edns_extended_rcode(reply.get(), query.bad_edns_version ? kBadVersionHigh : 0);
  }
  return reply;
}

Wire to_wire(const ldns_pkt& packet) {
  std::uint8_t* raw = nullptr;
  std::size_t len = 0;
  if (ldns_pkt2wire(&raw, &packet, &len) != LDNS_STATUS_OK) {
    return {};
  }
  const std::unique_ptr<std::uint8_t, FreeDeleter> owner(raw);
  return {raw, raw + len};
}

} // namespace

bool Question::matches(const Question& other) const {
  return type == other.type && klass == other.klass &&
         ::strcasecmp(name.c_str(), other.name.c_str()) == 0;
}

std::optional<Query> Query::parse(WireView wire, Transport transport, Unreadable& why) {
  why = {};
  if (wire.size() < kHeaderLen || is_response(wire)) {
    return std::nullopt; // not even an id to answer to, or an answer (answering those makes loops)
  }
  if (opcode(wire) != LDNS_PACKET_QUERY) {
    why.rcode = Rcode::notimp;
    return std::nullopt;
  }
  why.rcode = Rcode::formerr;
  if (be16(wire, 4) != 1) {
    return std::nullopt;
  }
  ldns_pkt* raw = nullptr;
  if (ldns_wire2pkt(&raw, wire.data(), wire.size()) != LDNS_STATUS_OK) {
    return std::nullopt;
  }
  const std::shared_ptr<const ldns_pkt> packet(raw, [](ldns_pkt* p) { ldns_pkt_free(p); });
  const ldns_rr_list* questions = ldns_pkt_question(packet.get());
  if (questions == nullptr || ldns_rr_list_rr_count(questions) != 1) {
    return std::nullopt;
  }
  Query query;
  query.question = question_of(*ldns_rr_list_rr(questions, 0));
  query.transport = transport;
  query.reply_limit = dns::reply_limit(*packet, transport);
  query.bad_edns_version = ldns_pkt_edns(packet.get()) && ldns_pkt_edns_version(packet.get()) != 0;
  query.packet_ = packet;
  return query;
}

Wire make_reply(const Query& query, Rcode rcode, const std::vector<Record>& answers) {
  const ldns_rdf* owner = ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(&query.packet()), 0));
  // More records than can fit are not even built.
  std::size_t count = std::min(answers.size(), query.reply_limit / kSmallestRecord);
  bool truncated = count < answers.size();
  for (;;) {
    const Packet reply = reply_head(query, rcode);
    for (std::size_t i = 0; i < count; ++i) {
      if (Rr rr = make_record(*owner, answers[i])) {
        ldns_pkt_push_rr(reply.get(), LDNS_SECTION_ANSWER, rr.release());
      }
    }
    ldns_pkt_set_tc(reply.get(), truncated && query.transport == Transport::udp);
    Wire wire = to_wire(*reply);
    if (wire.size() <= query.reply_limit || count == 0) {
      return wire;
    }
    const std::size_t surplus = wire.size() - query.reply_limit;
    count -= std::min(count, std::max<std::size_t>(1, surplus / (kSmallestRecord + 12)));
    truncated = true;
  }
}

Wire make_truncated_reply(const Query& query) {
  const Packet reply = reply_head(query, Rcode::noerror);
  ldns_pkt_set_tc(reply.get(), true);
  return to_wire(*reply);
}

Wire make_header_reply(WireView wire, Rcode rcode) {
  Wire reply(kHeaderLen, 0);
  reply[0] = wire[0];
  reply[1] = wire[1];
  reply[2] = static_cast<std::uint8_t>(0x80U | (wire[2] & 0x79U)); // QR; opcode and RD as asked
  reply[3] = static_cast<std::uint8_t>(0x80U | static_cast<unsigned>(rcode)); // RA
  return reply;
}

std::uint16_t message_id(WireView wire) {
  return be16(wire, 0);
}

void set_message_id(Wire& wire, std::uint16_t id) {
  wire[0] = static_cast<std::uint8_t>(id >> 8U);
  wire[1] = static_cast<std::uint8_t>(id & 0xffU);
}

Rcode message_rcode(WireView wire) {
  return static_cast<Rcode>(wire[3] & 0xfU);
}

bool is_reply_to(WireView wire, std::uint16_t id, const Question& question) {
  if (wire.size() < kHeaderLen || !is_response(wire) || opcode(wire) != LDNS_PACKET_QUERY ||
      message_id(wire) != id) {
    return false;
  }
  if (be16(wire, 4) == 0) {
    const Rcode rcode = message_rcode(wire);
    return rcode != Rcode::noerror && rcode != Rcode::nxdomain;
  }
  const auto answered = be16(wire, 4) == 1 ? read_question(wire) : std::nullopt;
  return answered && answered->matches(question);
}

} // namespace ebpfnet::dns
