// What subnet, range and gateway a network gets, and the words of every refusal.
#include "daemon/ipam/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ebpfnet::ipam {
namespace {

using testing::HasSubstr;

IpPrefix prefix(const char* text) {
  return IpPrefix::from(text).value();
}

PlanRequest with(std::vector<SubnetRequest> subnets) {
  PlanRequest request;
  request.subnets = std::move(subnets);
  return request;
}

SubnetPlan planned(const PlanRequest& request, std::size_t which = 0) {
  auto plan = plan_network(request);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().story());
  return plan && plan->subnets.size() > which ? plan->subnets[which] : SubnetPlan{};
}

std::string refusal(const PlanRequest& request) {
  auto plan = plan_network(request);
  return plan ? "accepted" : plan.error().message;
}

TEST(Plan, WalksDockersPoolsInOrderUntilTheyAreExhausted) {
  PlanRequest request;
  std::vector<std::string> seen;
  for (auto plan = plan_network(request); plan; plan = plan_network(request)) {
    ASSERT_EQ(plan->subnets.size(), 1U);
    seen.push_back(plan->subnets[0].subnet.to_string());
    request.own_pools_in_use.push_back(plan->subnets[0].subnet);
  }
  ASSERT_EQ(seen.size(), 31U);
  EXPECT_EQ(seen[0], "172.17.0.0/16");
  EXPECT_EQ(seen[14], "172.31.0.0/16");
  EXPECT_EQ(seen[15], "192.168.0.0/20");
  EXPECT_EQ(seen[30], "192.168.240.0/20");
  auto full = plan_network(request);
  EXPECT_EQ(full.error().message, "all predefined address pools have been fully subnetted");
  EXPECT_EQ(full.error().code, ErrorCode::exhausted);
  EXPECT_THAT(full.error().hint, HasSubstr("--subnet"));
}

TEST(Plan, SkipsPoolsThatOverlapHostRoutesAndNameServers) {
  PlanRequest request;
  request.host_routes = {prefix("0.0.0.0/0"), prefix("172.16.0.0/15"), prefix("172.18.5.0/24")};
  request.avoid = {prefix("172.19.0.53/32")};
  const auto plan = planned(request);
  EXPECT_EQ(plan.subnet, prefix("172.20.0.0/16"));
  EXPECT_EQ(plan.range, plan.subnet);
  EXPECT_EQ(plan.gateway->to_string(), "172.20.0.1");
}

TEST(Plan, CutsAPrefixOfTheAskedSizeFromThePools) {
  auto request = with({{"0.0.0.0/28", "", "", {}}});
  request.own_pools_in_use = {prefix("172.17.0.0/28"), prefix("172.17.0.16/30")};
  EXPECT_EQ(planned(request).subnet, prefix("172.17.0.32/28"));
  EXPECT_THAT(refusal(with({{"0.0.0.0/8", "", "", {}}})),
              HasSubstr("no default address pool holds a /8"));
  EXPECT_THAT(refusal(with({{"0.0.0.0/0", "", "", {}}})), HasSubstr("whole address space"));
}

TEST(Plan, GivesIpv6FromAUniqueLocalPrefixOfTheMachine) {
  PlanRequest request;
  request.enable_ipv6 = true;
  request.ula_seed = 0xaa0102030405;
  EXPECT_EQ(planned(request, 1).subnet, prefix("fd01:203:405::/64"));
  EXPECT_EQ(planned(request, 1).gateway->to_string(), "fd01:203:405::1");
  request.own_pools_in_use = {prefix("fd01:203:405::/64")};
  EXPECT_EQ(planned(request, 1).subnet, prefix("fd01:203:405:1::/64"));
  request.subnets = {{"::/80", "", "", {}}};
  EXPECT_EQ(planned(request, 1).subnet, prefix("fd01:203:405:1::/80"));
}

TEST(Plan, GivesIpv6AloneWhenIpv4IsOff) {
  PlanRequest request;
  request.enable_ipv4 = false;
  EXPECT_EQ(refusal(request), "IPv4 or IPv6 must be enabled");
  request.enable_ipv6 = true;
  EXPECT_EQ(plan_network(request)->subnets.size(), 1U);
  EXPECT_EQ(planned(request).subnet, prefix("fd00::/64"));
  request.subnets = {{"", "", "", {}}};
  EXPECT_EQ(planned(request).subnet, prefix("fd00::/64"));
  request.subnets = {{"10.1.2.0/24", "", "", {}}};
  EXPECT_THAT(refusal(request), HasSubstr("needs IPv4"));
}

TEST(Plan, TellsOfEachFamilyWhetherAnotherNetworkHasTheSameAddresses) {
  auto request = with({{"fd00:1::/64", "", "", {}}, {"10.1.2.0/24", "", "", {}}});
  request.enable_ipv6 = true;
  request.own_pools_in_use = {prefix("fd00:1::/48")};
  EXPECT_EQ(planned(request, 0).subnet, prefix("10.1.2.0/24"));
  EXPECT_FALSE(planned(request, 0).overlapping);
  EXPECT_TRUE(planned(request, 1).overlapping);
}

TEST(Plan, TakesRangeGatewayAndAuxiliaryAddresses) {
  const auto plan = planned(
      with({{"10.5.0.0/16", "10.5.9.0/24", "10.5.255.254", {{"DefaultGatewayIPv4", "10.5.0.2"}}}}));
  EXPECT_EQ(plan.range, prefix("10.5.9.0/24"));
  EXPECT_EQ(plan.gateway->to_string(), "10.5.255.254");
  EXPECT_EQ(plan.aux.at(kAuxGatewayV4).to_string(), "10.5.0.2");
  const auto shifted = planned(with({{"10.5.0.0/16", "", "", {{"router", "10.5.0.1"}}}}));
  EXPECT_EQ(shifted.gateway->to_string(), "10.5.0.2");
}

TEST(Plan, RefusesInDockersWords) {
  EXPECT_EQ(refusal(with({{"10.1.2.3/24", "", "", {}}})),
            "invalid network config:\ninvalid subnet 10.1.2.3/24: it should be 10.1.2.0/24");
  EXPECT_EQ(refusal(with({{"10.1.2.0/24", "", "10.9.0.1", {}}})),
            "no matching subnet for gateway 10.9.0.1");
  EXPECT_EQ(refusal(with({{"10.1.2.0/24", "10.1.3.0/25", "", {}}})),
            "no matching subnet for range 10.1.3.0/25");
  EXPECT_EQ(refusal(with({{"10.1.2.0/24", "", "", {{"a", "10.1.3.1"}}}})),
            "no matching subnet for aux-address 10.1.3.1");
  EXPECT_EQ(refusal(with({{"", "", "10.1.2.1", {}}})),
            "every ip-range or gateway must have a corresponding subnet");
  EXPECT_EQ(refusal(with({{"10.1.0.0/16", "", "", {}}, {"10.1.2.0/24", "", "", {}}})),
            "multiple overlapping subnet configuration is not supported");
  EXPECT_THAT(refusal(with({{"10.1.0.0/16", "", "", {}}, {"10.2.0.0/16", "", "", {}}})),
              HasSubstr("one subnet per address family"));
  EXPECT_EQ(refusal(with({{"10.1.2.0/24", "10.1.2.5/25", "", {}}})),
            "invalid network config:\ninvalid ip-range 10.1.2.5/25: it should be 10.1.2.0/25");
}

TEST(Plan, RefusesWhatCannotBeANetwork) {
  for (const char* text :
       {"x", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "127.0.0.0/8", "224.0.0.0/8",
        "ff02::/64", "::1/128", "10.0.0.0/24 ", "fe80::/64"}) {
    auto request = with({{text, "", "", {}}});
    request.enable_ipv6 = true;
    EXPECT_THAT(refusal(request), HasSubstr("invalid network config")) << text;
  }
  EXPECT_THAT(refusal(with({{"10.1.2.0/24", "", "10.1.2.0", {}}})), HasSubstr("reserves"));
  EXPECT_THAT(refusal(with({{"10.1.2.0/24", "", "10.1.2.255", {}}})), HasSubstr("reserves"));
  EXPECT_THAT(refusal(with({{"10.1.2.0/24", "", "nonsense", {}}})), HasSubstr("not an IP address"));
  EXPECT_THAT(refusal(with({{"10.1.2.0/24", "", "10.1.2.1", {{"a", "10.1.2.1"}}}})),
              HasSubstr("Address already in use"));
  EXPECT_THAT(refusal(with({{"10.1.2.0/24", "", "", {{"a", "10.1.2.9"}, {"b", "10.1.2.9"}}}})),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(with({{"fd00::/64", "", "", {}}})), HasSubstr("needs IPv6"));
}

TEST(Plan, AllowsTheSubnetOfAnotherNetworkButNotARouteOfTheHost) {
  auto request = with({{"10.55.0.0/24", "", "", {}}});
  request.own_pools_in_use = {prefix("10.55.0.0/24")};
  request.host_routes = {prefix("0.0.0.0/0"), prefix("10.55.0.0/24")};
  EXPECT_EQ(refusal(request), "accepted");
  request.own_pools_in_use.clear();
  auto plan = plan_network(request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::conflict);
  EXPECT_FALSE(plan.error().hint.empty());
}

TEST(Plan, AllowsAPartOfAWiderRouteOfTheHostButNotWhatContainsANarrowerOne) {
  auto request = with({{"10.55.0.0/24", "", "", {}}});
  request.host_routes = {prefix("10.0.0.0/8")};
  EXPECT_EQ(refusal(request), "accepted");
  request.host_routes = {prefix("10.55.0.128/25")};
  EXPECT_THAT(refusal(request), HasSubstr("overlaps with route 10.55.0.128/25 of the host"));
}

TEST(Plan, WorksWithThirtyOneAndThirtyTwoBitSubnets) {
  EXPECT_EQ(planned(with({{"10.0.0.2/31", "", "", {}}})).gateway->to_string(), "10.0.0.2");
  EXPECT_EQ(planned(with({{"10.0.0.2/31", "", "10.0.0.3", {}}})).gateway->to_string(), "10.0.0.3");
  EXPECT_FALSE(planned(with({{"10.0.0.2/32", "", "", {}}})).gateway);
  auto required = with({{"10.0.0.2/32", "", "", {}}});
  required.gateway_required = true;
  EXPECT_THAT(refusal(required), HasSubstr("no address left for a gateway"));
}

TEST(Plan, NeedsNoGatewayOnInternalNetworks) {
  auto request = with({{"10.1.2.0/24", "", "", {}}});
  request.internal = true;
  EXPECT_FALSE(planned(request).gateway);
  request.gateway_required = true;
  EXPECT_EQ(planned(request).gateway->to_string(), "10.1.2.1");
  request.gateway_required = false;
  request.subnets[0].gateway = "10.1.2.9";
  EXPECT_EQ(planned(request).gateway->to_string(), "10.1.2.9");
}

} // namespace
} // namespace ebpfnet::ipam
