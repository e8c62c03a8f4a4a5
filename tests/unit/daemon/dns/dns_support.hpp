// What the DNS tests share: queries and replies as bytes, built by hand so that they do not trust
// the code under test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/dns/message.hpp"

namespace ebpfnet::dns::testing {

inline IpAddress ip(std::string_view text) {
  return *IpAddress::from(text);
}

inline void put16(Wire& wire, unsigned value) {
  wire.push_back(static_cast<std::uint8_t>(value >> 8U));
  wire.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

inline unsigned get16(const Wire& wire, std::size_t at) {
  return static_cast<unsigned>(wire.at(at) << 8U | wire.at(at + 1));
}

struct QueryText {
  std::string name;
  unsigned type = rrtype::kA;
  unsigned klass = kClassIn;
  unsigned id = 0x1234;
  unsigned edns_size = 0; // 0: no OPT record
  unsigned edns_version = 0;
};

inline Wire make_query(const QueryText& text) {
  Wire wire;
  put16(wire, text.id);
  put16(wire, 0x0100); // RD
  put16(wire, 1);
  put16(wire, 0);
  put16(wire, 0);
  put16(wire, text.edns_size == 0 ? 0 : 1);
  for (std::size_t at = 0; at < text.name.size();) {
    const auto dot = std::min(text.name.find('.', at), text.name.size());
    wire.push_back(static_cast<std::uint8_t>(dot - at));
    wire.insert(wire.end(), text.name.begin() + static_cast<long>(at),
                text.name.begin() + static_cast<long>(dot));
    at = dot + 1;
  }
  wire.push_back(0);
  put16(wire, text.type);
  put16(wire, text.klass);
  if (text.edns_size != 0) {
    wire.insert(wire.end(), {0, 0, 41});
    put16(wire, text.edns_size);
    wire.insert(wire.end(), {0, static_cast<std::uint8_t>(text.edns_version), 0, 0, 0, 0});
  }
  return wire;
}

inline unsigned rcode(const Wire& wire) {
  return wire.at(3) & 0xfU;
}
inline bool truncated(const Wire& wire) {
  return (wire.at(2) & 2U) != 0;
}
inline unsigned answer_count(const Wire& wire) {
  return get16(wire, 6);
}

// The end of the question section; only for messages with one plain question.
inline std::size_t question_end(const Wire& wire) {
  std::size_t at = kHeaderLen;
  while (wire.at(at) != 0) {
    at += wire.at(at) + 1U;
  }
  return at + 5;
}

// Addresses of an answer section whose owners are all compressed to two bytes.
inline std::vector<IpAddress> answer_addresses(const Wire& wire) {
  std::vector<IpAddress> out;
  std::size_t at = question_end(wire);
  for (unsigned i = 0; i < answer_count(wire); ++i) {
    const unsigned type = get16(wire, at + 2);
    const unsigned len = get16(wire, at + 10);
    std::array<std::uint8_t, 16> bytes{};
    bytes[10] = bytes[11] = 0xff;
    if (type == rrtype::kA || type == rrtype::kAaaa) {
      std::copy_n(wire.begin() + static_cast<long>(at) + 12, len, bytes.end() - len);
      out.push_back(IpAddress::from_bytes(bytes));
    }
    at += 12 + len;
  }
  return out;
}

// An upstream's reply: the query's question, an rcode, and `address` as the answer if there is one.
inline Wire make_upstream_reply(const Wire& query, unsigned code,
                                const std::optional<IpAddress>& address) {
  Wire wire(query.begin(), query.begin() + static_cast<long>(question_end(query)));
  wire[2] = 0x81;
  wire[3] = static_cast<std::uint8_t>(0x80U | code);
  wire[6] = 0;
  wire[7] = address ? 1 : 0;
  wire[10] = wire[11] = 0;
  if (address) {
    wire.insert(wire.end(), {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4});
    wire.insert(wire.end(), address->bytes().begin() + 12, address->bytes().end());
  }
  return wire;
}

} // namespace ebpfnet::dns::testing
