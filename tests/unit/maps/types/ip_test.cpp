#include "maps/types/ip.hpp"

#include <gtest/gtest.h>

namespace ebpfnet {
namespace {

TEST(IpAddress, ReadsBothFamiliesAndSaysTheSameAgain) {
  for (const char* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
    const auto address = IpAddress::from(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(IpAddress, AMappedAddressIsTheIpv4Address) {
  EXPECT_EQ(IpAddress::from("::ffff:192.0.2.1").value(), IpAddress::from("192.0.2.1").value());
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", " ", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ",
                           "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7:8:9"}) {
    EXPECT_FALSE(IpAddress::from(text)) << text;
  }
}

TEST(IpAddress, IsReadToTheEndAlsoBehindANul) {
  EXPECT_FALSE(IpAddress::from(std::string_view("10.0.0.1\0junk", 13)));
  EXPECT_FALSE(IpAddress::from(std::string_view("10.0.0.1\0", 9)));
  EXPECT_FALSE(IpAddress::from(std::string_view("::1\0", 4)));
  EXPECT_FALSE(IpPrefix::from(std::string_view("10.0.0.0\0x/24", 13)));
}

TEST(IpAddress, CountsWithinItsFamily) {
  EXPECT_EQ(IpAddress::from("255.255.255.255").value().plus(1).to_string(), "0.0.0.0");
  EXPECT_EQ(IpAddress::from("2001:db8::ffff").value().plus(1).to_string(), "2001:db8::1:0");
}

TEST(IpPrefix, RefusesHostBitsAndLengthsOutsideOfTheFamily) {
  for (const char* text : {"10.1.2.3/24", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8",
                           "::/129", "2001:db8::1/64", "/8"}) {
    EXPECT_FALSE(IpPrefix::from(text)) << text;
  }
  EXPECT_EQ(IpPrefix::from("10.1.2.3/24").error().message,
            "invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24");
}

TEST(IpPrefix, KnowsItsFirstAndLastAddress) {
  const IpPrefix prefix = IpPrefix::from("10.0.0.128/25").value();
  EXPECT_EQ(prefix.last().to_string(), "10.0.0.255");
  EXPECT_EQ(prefix.size(), 128U);
  EXPECT_TRUE(prefix.contains(prefix.last()));
  EXPECT_FALSE(prefix.contains(prefix.last().plus(1)));
  EXPECT_FALSE(prefix.contains(IpAddress::from("10.0.0.127").value()));
}

} // namespace
} // namespace ebpfnet
