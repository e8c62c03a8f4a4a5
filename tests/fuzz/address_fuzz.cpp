// IP addresses, prefixes, socket addresses and Ethernet addresses: what is accepted is printable
// text that means the same again.
#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"
#include "maps/types/socket_address.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::fuzz {
namespace {

bool made_of(std::string_view text, std::string_view letters) {
  return text.find_first_not_of(letters) == std::string_view::npos;
}

void read_address(std::string_view text) {
  const auto address = IpAddress::from(text);
  if (!address) {
    return demand_story(address);
  }
  DEMAND(made_of(text, "0123456789abcdefABCDEF.:"));
  DEMAND(gives(IpAddress::from(address->to_string()), *address));
  DEMAND(!address->is_v4() || address->plus(1).plus(0xffffffff) == *address);
  DEMAND(IpAddress::from_bytes(address->bytes()) == *address);
  DEMAND(!address->is_v4() || IpAddress::from_v4(address->v4()) == *address);
}

void read_prefix(std::string_view text) {
  const auto prefix = IpPrefix::from(text);
  if (!prefix) {
    return demand_story(prefix);
  }
  DEMAND(made_of(text, "0123456789abcdefABCDEF.:/"));
  DEMAND(gives(IpPrefix::from(prefix->to_string()), *prefix));
  DEMAND(prefix->length() <= (prefix->is_v4() ? 32U : 128U));
  DEMAND(prefix->contains(prefix->address()) && prefix->contains(*prefix));
  // The last address of ::/80 is the IPv4 address 255.255.255.255.
  const IpAddress last = prefix->last();
  DEMAND(prefix->contains(last) || (!prefix->is_v4() && last.is_v4()));
  DEMAND(IpPrefix::of(last, prefix->length()) == *prefix || prefix->is_v4() != last.is_v4());
  DEMAND(prefix->length() == 0 || !prefix->contains(last.plus(1)));
  if (prefix->size() < 1ULL << 63) {
    DEMAND(prefix->address().plus(prefix->size() - 1) == last);
  }
}

void read_socket_address(std::string_view text) {
  const auto address = SocketAddress::from(text);
  if (!address) {
    return demand_story(address);
  }
  DEMAND(made_of(text, "0123456789abcdefABCDEF.:[]"));
  DEMAND(address->port != 0);
  DEMAND(gives(SocketAddress::from(address->to_string()), *address));
  sockaddr_storage filled;
  DEMAND(address->fill(filled) <= sizeof filled);
}

// Only what an interface may have.
void read_mac(std::string_view text) {
  const auto mac = Mac::from(text);
  if (!mac) {
    return demand_story(mac);
  }
  DEMAND(text.size() == 17 && made_of(text, "0123456789abcdefABCDEF:"));
  DEMAND(!mac->is_zero() && (mac->bytes()[0] & 1U) == 0);
  DEMAND(gives(Mac::from(mac->to_string()), *mac));
}

} // namespace
} // namespace ebpfnet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ebpfnet::fuzz::text_of(data, size);
  ebpfnet::fuzz::read_address(text);
  ebpfnet::fuzz::read_prefix(text);
  ebpfnet::fuzz::read_socket_address(text);
  ebpfnet::fuzz::read_mac(text);
  return 0;
}
