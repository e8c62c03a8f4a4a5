#include "maps/types/mac.hpp"

#include <gtest/gtest.h>

namespace ebpfnet {
namespace {

TEST(Mac, HasTheLinkLocalAddressThatLinuxGivesAnInterface) {
  const auto link_local = [](const char* mac) {
    return Mac::from(mac).value().link_local().to_string();
  };
  EXPECT_EQ(link_local("02:42:0a:09:00:02"), "fe80::42:aff:fe09:2");
  EXPECT_EQ(link_local("00:00:5e:00:53:01"), "fe80::200:5eff:fe00:5301");
}

TEST(Mac, ARandomOneIsAnInterfacesAndAnotherEachTime) {
  const Mac mac = Mac::random().value();
  EXPECT_TRUE(Mac::from(mac.to_string())) << mac.to_string();
  EXPECT_EQ(mac.bytes()[0], 0x02); // locally administered
  EXPECT_NE(mac, Mac::random().value());
}

} // namespace
} // namespace ebpfnet
