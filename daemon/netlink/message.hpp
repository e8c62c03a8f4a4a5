// Builds and reads netlink messages on top of libnl's nlmsg/nla calls: a request that notices when
// it did not fit, and attributes that are read only after a check of their length. Private to
// daemon/netlink.
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "maps/types/id.hpp"
#include "maps/types/ip.hpp"
#include "maps/types/mac.hpp"

namespace ebpfnet::netlink {

// One request. `put` calls after an overflow are ignored; `Socket` refuses to send a request that
// overflowed.
class Request {
public:
  // `header` is the family header (ifinfomsg, ndmsg, ...). NLM_F_REQUEST is added.
  template <class Header>
  Request(int type, int flags, const Header& header) : Request(type, flags) {
    append(&header, sizeof(header));
  }

  void put(int attribute, const void* data, std::size_t len_bytes);
  void put_u8(int attribute, std::uint8_t value) { put(attribute, &value, sizeof(value)); }
  void put_u16(int attribute, std::uint16_t value) { put(attribute, &value, sizeof(value)); }
  void put_u32(int attribute, std::uint32_t value) { put(attribute, &value, sizeof(value)); }
  void put_string(int attribute, std::string_view text); // with the closing zero byte
  void put_mac(int attribute, const Mac& mac) {
    put(attribute, mac.bytes().data(), mac.bytes().size());
  }
  void put_ip(int attribute, const IpAddress& address); // 4 or 16 bytes
  // A header inside a nest, as VETH_INFO_PEER has it.
  void append(const void* data, std::size_t len_bytes);

  // Puts what `fill` puts into one nested attribute.
  template <class Fill> void nest(int attribute, Fill fill) {
    nlattr* start = complete_ ? nla_nest_start(message_.get(), attribute) : nullptr;
    complete_ = start != nullptr;
    if (start != nullptr) {
      fill();
      nla_nest_end(message_.get(), start);
    }
  }

  bool complete() const { return complete_; }
  nl_msg* message() { return message_.get(); }
  nlmsghdr* header() { return nlmsg_hdr(message_.get()); }

private:
  struct Free {
    void operator()(nl_msg* message) const noexcept { nlmsg_free(message); }
  };
  Request(int type, int flags);

  std::unique_ptr<nl_msg, Free> message_;
  bool complete_;
};

// The attributes that follow the family header of a message, or that stand in a nest. Attributes
// above Max are ignored.
template <int Max> class Attributes {
public:
  Attributes(const nlmsghdr& message, std::size_t family_header_bytes) {
    const auto header = static_cast<int>(family_header_bytes);
    parse(nlmsg_attrdata(&message, header), nlmsg_attrlen(&message, header));
  }
  explicit Attributes(const nlattr* nest) {
    parse(static_cast<nlattr*>(nla_data(nest)), nla_len(nest));
  }
  Attributes(const void* data, std::size_t len_bytes) {
    parse(static_cast<nlattr*>(const_cast<void*>(data)), static_cast<int>(len_bytes));
  }

  const nlattr* operator[](int attribute) const {
    return table_[static_cast<std::size_t>(attribute)];
  }

  template <class Int> std::optional<Int> number(int attribute) const {
    const nlattr* found = (*this)[attribute];
    if (found == nullptr || nla_len(found) < static_cast<int>(sizeof(Int))) {
      return std::nullopt;
    }
    Int value;
    std::memcpy(&value, nla_data(found), sizeof(value));
    return value;
  }
  std::uint32_t u32(int attribute) const { return number<std::uint32_t>(attribute).value_or(0); }
  std::string text(int attribute) const {
    const nlattr* found = (*this)[attribute];
    if (found == nullptr) {
      return {};
    }
    const auto* data = static_cast<const char*>(nla_data(found));
    return {data, ::strnlen(data, static_cast<std::size_t>(nla_len(found)))};
  }
  // None when the attribute is absent or has another length than 6 bytes (InfiniBand, tunnels).
  std::optional<Mac> mac(int attribute) const {
    const auto bytes = number<std::array<std::uint8_t, 6>>(attribute);
    return bytes && nla_len((*this)[attribute]) == 6 ? std::optional(Mac::from_bytes(*bytes))
                                                     : std::nullopt;
  }
  std::optional<IpAddress> ip(int attribute) const;

private:
  void parse(nlattr* first, int len_bytes) {
    nla_parse(table_.data(), Max, first, len_bytes, nullptr);
  }
  std::array<nlattr*, static_cast<std::size_t>(Max) + 1> table_{};
};

// 4 or 16 bytes in network order; none for any other length.
std::optional<IpAddress> ip_from_wire(const void* data, std::size_t len_bytes);

template <int Max> std::optional<IpAddress> Attributes<Max>::ip(int attribute) const {
  const nlattr* found = (*this)[attribute];
  return found == nullptr ? std::nullopt
                          : ip_from_wire(nla_data(found), static_cast<std::size_t>(nla_len(found)));
}

// AF_INET or AF_INET6.
std::uint8_t family_of(const IpAddress& address);

} // namespace ebpfnet::netlink
