#include "maps/types/socket_address.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace ebpfnet {
namespace {

TEST(SocketAddress, ReadsBothFamiliesAndSaysTheSameAgain) {
  for (const char* text :
       {"127.0.0.1:9464", "0.0.0.0:1", "[::1]:9464", "[::]:65535", "[2001:db8::1]:9464"}) {
    const auto address = SocketAddress::from(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(SocketAddress, RefusesWhatIsNoAddressWithAPort) {
  for (const char* text : {"",
                           ":",
                           ":9464",
                           "9464",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:0",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 80",
                           "127.0.0.1:80 ",
                           "127.0.0.1:80x",
                           "::1",
                           "::1:9464",
                           "[::1]",
                           "[::1]9464",
                           "[]:80",
                           "[::1:80",
                           "[127.0.0.1]:80",
                           "localhost:80",
                           "300.0.0.1:80",
                           "[fe80::1%eth0]:80"}) {
    const auto address = SocketAddress::from(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::invalid);
    EXPECT_NE(address.error().message.find(fmt::format("'{}' is not ADDR:PORT", text)),
              std::string::npos)
        << address.error().message;
  }
}

TEST(SocketAddress, BecomesWhatTheKernelTakes) {
  sockaddr_storage storage{};
  EXPECT_EQ(SocketAddress::from("192.0.2.1:258")->fill(storage), sizeof(sockaddr_in));
  const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
  EXPECT_EQ(in.sin_family, AF_INET);
  EXPECT_EQ(in.sin_addr.s_addr, htonl(0xc0000201));
  EXPECT_EQ(in.sin_port, htons(258));

  EXPECT_EQ(SocketAddress::from("[::1]:258")->fill(storage), sizeof(sockaddr_in6));
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
  EXPECT_EQ(in6.sin6_family, AF_INET6);
  EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr));
  EXPECT_EQ(in6.sin6_port, htons(258));
}

} // namespace
} // namespace ebpfnet
