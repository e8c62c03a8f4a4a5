// One address, one holder: in order, under load, against a simple model.
#include "daemon/ipam/allocator.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

namespace ebpfnet::ipam {
namespace {

IpAddress ip(const char* text) {
  return IpAddress::from(text).value();
}

NetworkPlan plan(const char* subnet, const char* range = "", const char* gateway = "",
                 std::map<std::string, IpAddress> aux = {}) {
  SubnetPlan one{IpPrefix::from(subnet).value(),
                 IpPrefix::from(*range == 0 ? subnet : range).value(), std::nullopt,
                 std::move(aux)};
  if (*gateway != 0) {
    one.gateway = ip(gateway);
  }
  return NetworkPlan{{one}};
}

std::string next(Allocator& allocator, Family family = Family::v4) {
  auto address = allocator.request(family);
  return address ? address->to_string() : address.error().message;
}

TEST(Allocator, GoesOnAfterTheLastAddressAndWraps) {
  Allocator allocator(plan("10.0.0.0/29", "", "10.0.0.1", {{"a", ip("10.0.0.3")}}));
  EXPECT_EQ(allocator.free(Family::v4), 4U);
  EXPECT_EQ(next(allocator), "10.0.0.2");
  EXPECT_EQ(next(allocator), "10.0.0.4");
  allocator.release(ip("10.0.0.2"));
  EXPECT_EQ(next(allocator), "10.0.0.5");
  EXPECT_EQ(next(allocator), "10.0.0.6");
  EXPECT_EQ(next(allocator), "10.0.0.2");
  EXPECT_EQ(next(allocator), "no available addresses on this pool");
  EXPECT_EQ(allocator.used(), 4U);
  EXPECT_EQ(allocator.free(Family::v4), 0U);
}

TEST(Allocator, StaysInItsRangeButGivesAnyAddressOnDemand) {
  Allocator allocator(plan("10.0.0.0/24", "10.0.0.128/30", "10.0.0.1"));
  EXPECT_EQ(next(allocator), "10.0.0.128");
  EXPECT_TRUE(allocator.request_exact(ip("10.0.0.7")));
  EXPECT_TRUE(allocator.request_exact(ip("10.0.0.129")));
  EXPECT_EQ(next(allocator), "10.0.0.130");
  EXPECT_EQ(next(allocator), "10.0.0.131");
  EXPECT_EQ(allocator.request(Family::v4).error().code, ErrorCode::exhausted);
}

TEST(Allocator, RefusesAddressesThatAreTakenReservedOrElsewhere) {
  Allocator allocator(plan("10.0.0.0/24", "", "10.0.0.1", {{"a", ip("10.0.0.9")}}));
  ASSERT_TRUE(allocator.request_exact(ip("10.0.0.5")));
  for (const char* text : {"10.0.0.0", "10.0.0.255", "10.0.0.1", "10.0.0.9", "10.0.0.5"}) {
    auto done = allocator.request_exact(ip(text));
    ASSERT_FALSE(done) << text;
    EXPECT_EQ(done.error().message, "Address already in use");
    EXPECT_EQ(done.error().code, ErrorCode::conflict);
  }
  EXPECT_EQ(allocator.request_exact(ip("10.0.1.5")).error().message,
            "no configured subnet contains IP address 10.0.1.5");
  EXPECT_FALSE(allocator.request_exact(ip("fd00::5")));
  EXPECT_EQ(allocator.request(Family::v6).error().code, ErrorCode::invalid);
}

TEST(Allocator, NeverFreesReservedAddresses) {
  Allocator allocator(plan("10.0.0.0/30", "", "10.0.0.1"));
  for (const char* text : {"10.0.0.0", "10.0.0.1", "10.0.0.3", "10.0.0.2", "9.9.9.9", "::"}) {
    allocator.release(ip(text));
  }
  EXPECT_EQ(allocator.used(), 0U);
  EXPECT_EQ(next(allocator), "10.0.0.2");
  EXPECT_EQ(next(allocator), "no available addresses on this pool");
}

TEST(Allocator, UsesBothAddressesOfAThirtyOneBitSubnetAndTheOneOfThirtyTwo) {
  Allocator two(plan("10.0.0.2/31"));
  EXPECT_EQ(next(two), "10.0.0.2");
  EXPECT_EQ(next(two), "10.0.0.3");
  EXPECT_EQ(next(two), "no available addresses on this pool");
  Allocator one(plan("10.0.0.9/32"));
  EXPECT_EQ(next(one), "10.0.0.9");
  EXPECT_EQ(next(one), "no available addresses on this pool");
}

TEST(Allocator, GoesOnAfterARestart) {
  Allocator before(plan("10.0.0.0/24", "", "10.0.0.1"));
  EXPECT_TRUE(before.cursor(Family::v4).is_unspecified());
  (void)next(before);
  const auto cursor = before.cursor(Family::v4);
  EXPECT_EQ(cursor.to_string(), "10.0.0.2");
  Allocator after(plan("10.0.0.0/24", "", "10.0.0.1"));
  after.restore_cursor(ip("192.0.2.1"));
  after.restore_cursor(cursor);
  EXPECT_EQ(next(after), "10.0.0.3");
}

TEST(Allocator, ServesHugeSubnets) {
  Allocator v6(plan("fd00::/64", "", "fd00::1"));
  EXPECT_EQ(next(v6, Family::v6), "fd00::2");
  EXPECT_TRUE(v6.request_exact(ip("fd00::ffff:ffff:ffff:ffff")));
  EXPECT_EQ(v6.free(Family::v6), std::numeric_limits<std::size_t>::max() - 3);
  Allocator v4(plan("10.0.0.0/8", "", "10.0.0.1"));
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(v4.request(Family::v4));
  }
  EXPECT_EQ(v4.used(), 100'000U);
}

TEST(Allocator, FindsTheLastAddressOfANearlyFullSubnetAtOnce) {
  Allocator allocator(plan("10.0.0.0/16", "", "10.0.0.1"));
  while (allocator.free(Family::v4) > 0) {
    ASSERT_TRUE(allocator.request(Family::v4));
  }
  using Clock = std::chrono::steady_clock;
  auto best = Clock::duration::max();
  for (int round = 0; round < 5; ++round) {
    allocator.release(ip("10.0.128.7"));
    const auto start = Clock::now();
    ASSERT_EQ(next(allocator), "10.0.128.7");
    best = std::min(best, Clock::now() - start);
  }
  EXPECT_LT(best, std::chrono::milliseconds(1));
}

TEST(Allocator, NeverGivesAnAddressTwiceTo64Threads) {
  Allocator allocator(plan("10.0.0.0/17", "", "10.0.0.1")); // more than the threads ask for
  std::vector<std::vector<IpAddress>> given(64);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : given) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          if (auto address = allocator.request(Family::v4)) {
            mine.push_back(*address);
          }
          if (i % 10 == 9) {
            allocator.release(mine.back());
            mine.pop_back();
          }
        }
      });
    }
  }
  std::set<IpAddress> all;
  std::size_t count = 0;
  for (const auto& mine : given) {
    count += mine.size();
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), count);
  EXPECT_EQ(allocator.used(), count);
}

// The model: a set and a linear walk.
TEST(Allocator, BehavesLikeASimpleModel) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    Allocator allocator(plan("10.0.0.0/26", "10.0.0.16/28", "10.0.0.17"));
    std::set<std::uint32_t> held;
    const std::uint32_t base = ip("10.0.0.0").v4();
    const std::set<std::uint32_t> reserved{base, base + 63, base + 17};
    std::uint32_t cursor = base + 31;
    for (int step = 0; step < 400; ++step) {
      const std::uint32_t any = base + random() % 64;
      const auto address = IpAddress::from_v4(any);
      if (const auto what = random() % 3; what == 0) {
        held.erase(any);
        allocator.release(address);
      } else if (what == 1) {
        const bool expected = !reserved.contains(any) && held.insert(any).second;
        ASSERT_EQ(allocator.request_exact(address).has_value(), expected);
      } else {
        std::optional<std::uint32_t> expected;
        for (std::uint32_t i = 1; i <= 16 && !expected; ++i) {
          const std::uint32_t value = base + 16 + (cursor - base - 16 + i) % 16;
          if (!reserved.contains(value) && !held.contains(value)) {
            expected = value;
          }
        }
        auto given = allocator.request(Family::v4);
        ASSERT_EQ(given.has_value(), expected.has_value());
        if (given) {
          ASSERT_EQ(given->v4(), *expected);
          held.insert(*expected);
          cursor = *expected;
        }
      }
      ASSERT_EQ(allocator.used(), held.size());
    }
  }
}

} // namespace
} // namespace ebpfnet::ipam
