// Request building for daemon/netlink. Every put checks that the message still had room.
#include "daemon/netlink/message.hpp"

#include <netinet/in.h>

namespace ebpfnet::netlink {

namespace {

// Far above any request here: the largest is a veth pair with two names, a 255 byte alias and a few
// numbers.
constexpr std::size_t kRequestBytes = 4096;

} // namespace

Request::Request(int type, int flags)
    : message_(nlmsg_alloc_size(kRequestBytes)), complete_(message_ != nullptr) {
  complete_ = complete_ && nlmsg_put(message_.get(), NL_AUTO_PORT, NL_AUTO_SEQ, type, 0,
                                     flags | NLM_F_REQUEST) != nullptr;
}

void Request::put(int attribute, const void* data, std::size_t len_bytes) {
  complete_ =
      complete_ && nla_put(message_.get(), attribute, static_cast<int>(len_bytes), data) == 0;
}

void Request::put_string(int attribute, std::string_view text) {
  const std::string terminated(text);
  put(attribute, terminated.c_str(), terminated.size() + 1);
}

void Request::put_ip(int attribute, const IpAddress& address) {
  const auto& bytes = address.bytes();
  address.is_v4() ? put(attribute, bytes.data() + 12, 4) : put(attribute, bytes.data(), 16);
}

void Request::append(const void* data, std::size_t len_bytes) {
  complete_ = complete_ &&
              nlmsg_append(message_.get(), const_cast<void*>(data), len_bytes, NLMSG_ALIGNTO) == 0;
}

std::optional<IpAddress> ip_from_wire(const void* data, std::size_t len_bytes) {
  if (len_bytes == 4) {
    std::uint32_t network_order;
    std::memcpy(&network_order, data, sizeof(network_order));
    return IpAddress::from_v4(ntohl(network_order));
  }
  if (len_bytes == 16) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), data, bytes.size());
    return IpAddress::from_bytes(bytes);
  }
  return std::nullopt;
}

std::uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

} // namespace ebpfnet::netlink
