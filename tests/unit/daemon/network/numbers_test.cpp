// Numbers that are given out: map indexes and ports kept from the kernel's own choice.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "daemon/network/index_pool.hpp"
#include "daemon/network/reserved_ports.hpp"
#include "maps/view/convert.hpp"

namespace ebpfnet::network {
namespace {

TEST(IndexPool, NeverGivesOutZeroAndSaysWhenAllAreInUse) {
  IndexPool pool("things", 4);
  EXPECT_EQ(pool.take().value_or(0), 1U);
  EXPECT_EQ(pool.take().value_or(0), 2U);
  EXPECT_EQ(pool.take().value_or(0), 3U);
  const auto refused = pool.take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::exhausted);
  EXPECT_EQ(refused.error().message, "all 3 things are in use");
}

TEST(IndexPool, AFreedNumberRestsAsLongAsPossible) {
  IndexPool pool("things", 5);
  const auto first = pool.take().value();
  pool.give(first);
  EXPECT_EQ(pool.take().value_or(0), 2U);
  EXPECT_EQ(pool.take().value_or(0), 3U);
  EXPECT_EQ(pool.take().value_or(0), 4U);
  EXPECT_EQ(pool.take().value_or(0), first);
}

TEST(IndexPool, AClaimedNumberIsNotGivenOut) {
  IndexPool pool("things", 5);
  pool.claim(3);
  pool.claim(1);
  std::set<std::uint32_t> rest;
  while (const auto taken = pool.take()) {
    rest.insert(*taken);
  }
  EXPECT_EQ(rest, (std::set<std::uint32_t>{2, 4}));
}

TEST(IndexPool, AnySequenceGivesOutEveryNumberOnce) {
  std::mt19937 random(5);
  IndexPool pool("things", 40);
  std::set<std::uint32_t> held;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2 == 0) {
      const auto taken = pool.take();
      ASSERT_EQ(taken.has_value(), held.size() < 39);
      if (taken) {
        ASSERT_TRUE(*taken >= 1 && *taken < 40 && held.insert(*taken).second) << *taken;
      }
    } else if (!held.empty()) {
      pool.give(*held.begin());
      held.erase(held.begin());
    }
  }
}

TEST(PortSet, ReadsAndWritesTheSysctlsForm) {
  for (const char* text : {"", "8080", "8080,9148-9150", "0", "65535", "0-65535"}) {
    const auto ports = PortSet::from(text);
    ASSERT_TRUE(ports) << text;
    EXPECT_EQ(ports->to_string(), text);
  }
  EXPECT_EQ(PortSet::from("7-9,8,10,1\n").value().to_string(), "1,7-10");
}

TEST(PortSet, RefusesWhatIsNoListOfPorts) {
  for (const char* bad :
       {"a", "65536", "9-8", "-1", "1-", "1,,2", ",1", "1 2", "99999999999", "1-65536"}) {
    EXPECT_FALSE(PortSet::from(bad)) << bad;
  }
}

PortSet random_set(std::mt19937& random) {
  PortSet out;
  for (unsigned i = 0; i < random() % 30; ++i) {
    const std::uint32_t first = random() % 65536;
    out.add(first, std::min<std::uint32_t>(first + random() % 2000, 65535));
  }
  return out;
}

TEST(PortSet, AnySetSurvivesBeingWrittenAndRead) {
  std::mt19937 random(7);
  for (int i = 0; i < 100; ++i) {
    const PortSet ports = random_set(random);
    EXPECT_EQ(PortSet::from(ports.to_string()).value(), ports) << ports.to_string();
  }
}

TEST(PortSet, WhatIsMergedInCanBeTakenOutAgain) {
  std::mt19937 random(8);
  for (int i = 0; i < 100; ++i) {
    const PortSet theirs = random_set(random);
    const PortSet ours = random_set(random).without(theirs);
    EXPECT_EQ(theirs.with(ours).without(ours), theirs);
    EXPECT_EQ(theirs.with(ours), ours.with(theirs));
    EXPECT_EQ(ours.without(ours), PortSet());
  }
}

TEST(Convert, AddressesKeepTheirBytesInMaps) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "255.255.255.255"}) {
    const IpAddress address = IpAddress::from(text).value();
    EXPECT_EQ(view::from_abi(view::to_abi(address)), address);
  }
  __u8 bytes[6];
  view::copy_mac(Mac::from("02:42:ac:11:00:02").value(), bytes);
  EXPECT_EQ(bytes[0], 0x02);
  EXPECT_EQ(bytes[5], 0x02);
  EXPECT_EQ(bytes[2], 0xac);
}

} // namespace
} // namespace ebpfnet::network
