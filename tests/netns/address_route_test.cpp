// Addresses and routes in the kernel, both families.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "daemon/netlink/address.hpp"
#include "daemon/netlink/route.hpp"
#include "tests/netns/fixture.hpp"

namespace ebpfnet::netlink {
namespace {

class AddressRoute : public NetnsTest {
protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    netns_ = new_netns("a");
    ASSERT_OK(create_veth(socket(), veth(netns_.get())));
    ASSERT_OK(set_link_up(socket(), device_));
    Socket inside = Socket::open_in(netns_.get()).value();
    ASSERT_OK(set_link_up(inside, find_link(inside, "eth0").value()->index));
  }

  std::vector<AddressInfo> addresses(const char* text) {
    auto all = list_addresses(socket()).value();
    std::erase_if(all, [&](const AddressInfo& info) { return info.address != ip(text); });
    return all;
  }
  std::vector<RouteInfo> routes(const char* destination, unsigned table = RT_TABLE_MAIN) {
    auto all = list_routes(socket(), table).value();
    std::erase_if(all, [&](const RouteInfo& route) {
      return *route.destination != IpPrefix::from(destination).value();
    });
    return all;
  }
  static RouteSpec route(const char* destination) {
    return {IpPrefix::from(destination).value(), IpAddress(), IfIndex(4711), false, IpAddress(), 0};
  }

  const IfIndex device_{4711};
  UniqueFd netns_;
};

TEST_F(AddressRoute, AddressIsListedWithItsPrefixAndIsUsableAtOnce) {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    ASSERT_OK(add_address(socket(), device_, ip(text), 24, false));
    const auto listed = addresses(text);
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].index, device_);
    EXPECT_EQ(listed[0].prefix_length, 24U);
    EXPECT_EQ(listed[0].scope, unsigned{RT_SCOPE_UNIVERSE});
    EXPECT_TRUE(listed[0].primary);
    EXPECT_FALSE(listed[0].tentative);
  }
}

TEST_F(AddressRoute, AddingTwiceAndRemovingTwiceIsFine) {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    EXPECT_OK(add_address(socket(), device_, ip(text), 28, true));
    EXPECT_OK(add_address(socket(), device_, ip(text), 28, true));
    EXPECT_EQ(addresses(text).size(), 1U);
    EXPECT_OK(remove_address(socket(), device_, ip(text), 28));
    EXPECT_OK(remove_address(socket(), device_, ip(text), 28));
    EXPECT_TRUE(addresses(text).empty());
    EXPECT_OK(remove_address(socket(), IfIndex(999), ip(text), 28));
  }
}

TEST_F(AddressRoute, SecondAddressOfASubnetIsNotPrimary) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.1"), 24, false));
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.2"), 24, false));
  EXPECT_TRUE(addresses("192.0.2.1")[0].primary);
  EXPECT_FALSE(addresses("192.0.2.2")[0].primary);
}

TEST_F(AddressRoute, PrefixRouteIsThereOnlyWhenWanted) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.1"), 24, true));
  ASSERT_OK(add_address(socket(), device_, ip("2001:db8::1"), 64, true));
  EXPECT_TRUE(routes("192.0.2.0/24").empty());
  EXPECT_TRUE(routes("2001:db8::/64").empty());
  ASSERT_OK(add_address(socket(), device_, ip("198.51.100.1"), 24, false));
  ASSERT_OK(add_address(socket(), device_, ip("2001:db8:1::1"), 64, false));
  EXPECT_EQ(routes("198.51.100.0/24").size(), 1U);
  EXPECT_EQ(routes("2001:db8:1::/64").size(), 1U);
}

TEST_F(AddressRoute, BroadcastAddressExistsUpToSlash30) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.1"), 30, false));
  ASSERT_OK(add_address(socket(), device_, ip("198.51.100.0"), 31, false));
  ASSERT_OK(add_address(socket(), device_, ip("203.0.113.7"), 32, false));
  ASSERT_EQ(routes("192.0.2.3/32", RT_TABLE_LOCAL).size(), 1U);
  EXPECT_EQ(routes("192.0.2.3/32", RT_TABLE_LOCAL)[0].type, unsigned{RTN_BROADCAST});
  EXPECT_TRUE(routes("198.51.100.1/32", RT_TABLE_LOCAL).empty());
  EXPECT_EQ(routes("203.0.113.7/32", RT_TABLE_LOCAL).size(), 1U);
}

TEST_F(AddressRoute, BadAddressesAreErrorsThatNameThem) {
  EXPECT_EQ(add_address(socket(), device_, ip("192.0.2.1"), 33, false).error().code,
            ErrorCode::invalid);
  const auto missing = add_address(socket(), IfIndex(999), ip("192.0.2.1"), 24, false);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().sys_errno, ENODEV);
  EXPECT_TRUE(missing.error().message.starts_with(
      "add address 192.0.2.1/24 to interface 999: No such device"))
      << missing.error().message;
}

TEST_F(AddressRoute, LinkRouteAndDefaultRouteThroughIt) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.2"), 32, true));
  ASSERT_OK(add_route(socket(), route("192.0.2.1/32")));
  RouteSpec default_route = route("0.0.0.0/0");
  default_route.gateway = ip("192.0.2.1");
  default_route.source = ip("192.0.2.2");
  default_route.metric = 7;
  ASSERT_OK(add_route(socket(), default_route));
  const auto listed = routes("0.0.0.0/0");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].gateway, ip("192.0.2.1"));
  EXPECT_EQ(listed[0].device, device_);
  EXPECT_EQ(listed[0].metric, 7U);
  EXPECT_EQ(listed[0].type, unsigned{RTN_UNICAST});
  EXPECT_EQ(routes("192.0.2.1/32")[0].scope, unsigned{RT_SCOPE_LINK});
}

TEST_F(AddressRoute, GatewayOffTheLinkNeedsOnlink) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.2"), 32, true));
  RouteSpec spec = route("0.0.0.0/0");
  spec.gateway = ip("198.51.100.1");
  const auto refused = add_route(socket(), spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sys_errno, ENETUNREACH);
  spec.onlink = true;
  EXPECT_OK(add_route(socket(), spec));
  EXPECT_EQ(routes("0.0.0.0/0").size(), 1U);
}

TEST_F(AddressRoute, Ipv6RoutesWithAndWithoutGateway) {
  ASSERT_OK(add_address(socket(), device_, ip("2001:db8::2"), 128, true));
  ASSERT_OK(add_route(socket(), route("2001:db8::1/128")));
  RouteSpec spec = route("::/0");
  spec.gateway = ip("2001:db8::1");
  ASSERT_OK(add_route(socket(), spec));
  ASSERT_EQ(routes("::/0").size(), 1U);
  EXPECT_EQ(routes("::/0")[0].gateway, ip("2001:db8::1"));
  EXPECT_OK(remove_route(socket(), spec));
  EXPECT_TRUE(routes("::/0").empty());
}

TEST_F(AddressRoute, AddingReplacesAndRemovingTwiceIsFine) {
  ASSERT_OK(add_address(socket(), device_, ip("192.0.2.2"), 24, false));
  RouteSpec spec = route("198.51.100.0/24");
  spec.gateway = ip("192.0.2.1");
  EXPECT_OK(add_route(socket(), spec));
  spec.gateway = ip("192.0.2.9");
  EXPECT_OK(add_route(socket(), spec));
  ASSERT_EQ(routes("198.51.100.0/24").size(), 1U);
  EXPECT_EQ(routes("198.51.100.0/24")[0].gateway, ip("192.0.2.9"));
  EXPECT_OK(remove_route(socket(), spec));
  EXPECT_OK(remove_route(socket(), spec));
  EXPECT_TRUE(routes("198.51.100.0/24").empty());
}

TEST_F(AddressRoute, MixedFamiliesAreRefused) {
  RouteSpec spec = route("198.51.100.0/24");
  spec.gateway = ip("2001:db8::1");
  EXPECT_EQ(add_route(socket(), spec).error().code, ErrorCode::invalid);
}

} // namespace
} // namespace ebpfnet::netlink
