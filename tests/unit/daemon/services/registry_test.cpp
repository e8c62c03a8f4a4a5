// Names per network: who is found, who no longer is, and what happens when many threads ask and
// change at once.
#include "daemon/services/registry.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace ebpfnet::services {
namespace {

IpAddress ip(std::string_view text) {
  return *IpAddress::from(text);
}

EndpointRecord web(std::string id = "ep1", std::string_view v4 = "192.0.2.10") {
  return {std::move(id), "n1", "catnet", {"web", "www"}, ip(v4), std::nullopt};
}

TEST(Registry, FindsEveryNameInAnyLetterCase) {
  Registry registry;
  registry.put(web());
  EXPECT_EQ(registry.lookup("n1", "WeB", Family::v4), std::vector{ip("192.0.2.10")});
  EXPECT_EQ(registry.lookup("n1", "www", Family::v4), std::vector{ip("192.0.2.10")});
  EXPECT_TRUE(registry.lookup("n1", "web", Family::v6).empty());
  EXPECT_TRUE(registry.knows("n1", "WWW"));
  EXPECT_FALSE(registry.knows("n1", "we"));
}

TEST(Registry, KeepsNetworksApart) {
  Registry registry;
  registry.put(web());
  EXPECT_FALSE(registry.knows("n2", "web"));
  EXPECT_TRUE(registry.lookup("n2", "web", Family::v4).empty());
  EXPECT_FALSE(registry.reverse("n2", ip("192.0.2.10")));
}

TEST(Registry, ServesTheSameAddressInTwoNetworks) {
  Registry registry;
  registry.put(web());
  registry.put({"ep2", "n2", "dognet", {"dog"}, ip("192.0.2.10"), std::nullopt});
  EXPECT_EQ(registry.reverse("n1", ip("192.0.2.10")), (PtrAnswer{"web", "catnet"}));
  EXPECT_EQ(registry.reverse("n2", ip("192.0.2.10")), (PtrAnswer{"dog", "dognet"}));
}

TEST(Registry, SharesAnAliasAmongEndpointsUntilTheLastOneLeaves) {
  Registry registry;
  registry.put(web("ep1", "192.0.2.10"));
  registry.put(web("ep2", "192.0.2.11"));
  EXPECT_EQ(registry.lookup("n1", "www", Family::v4),
            (std::vector{ip("192.0.2.10"), ip("192.0.2.11")}));
  registry.remove("ep1");
  EXPECT_EQ(registry.lookup("n1", "www", Family::v4), std::vector{ip("192.0.2.11")});
  registry.remove("ep2");
  EXPECT_FALSE(registry.knows("n1", "www"));
}

TEST(Registry, ReplacesARecordAndForgetsItsOldNamesAndAddresses) {
  Registry registry;
  registry.put(web());
  registry.put({"ep1", "n2", "dognet", {"dog"}, std::nullopt, ip("2001:db8::1")});
  EXPECT_FALSE(registry.knows("n1", "web"));
  EXPECT_FALSE(registry.reverse("n1", ip("192.0.2.10")));
  EXPECT_EQ(registry.lookup("n2", "dog", Family::v6), std::vector{ip("2001:db8::1")});
  EXPECT_TRUE(registry.lookup("n2", "dog", Family::v4).empty());
  EXPECT_TRUE(registry.knows("n2", "dog"));
}

TEST(Registry, AnswersPtrWithTheFirstName) {
  Registry registry;
  registry.put({"ep0", "n1", "catnet", {}, ip("192.0.2.10"), std::nullopt});
  EXPECT_FALSE(registry.reverse("n1", ip("192.0.2.10")));
  registry.put(web());
  EXPECT_EQ(registry.reverse("n1", ip("192.0.2.10")), (PtrAnswer{"web", "catnet"}));
}

TEST(Registry, IgnoresTheSameNameGivenTwiceAndUnknownIds) {
  Registry registry;
  registry.remove("nobody");
  registry.put({"ep1", "n1", "catnet", {"web", "Web"}, ip("192.0.2.10"), std::nullopt});
  EXPECT_EQ(registry.lookup("n1", "web", Family::v4).size(), 1U);
  registry.remove("ep1");
  EXPECT_FALSE(registry.knows("n1", "web"));
}

TEST(Registry, StaysConsistentWhileThreadsReadAndWrite) {
  Registry registry;
  registry.put(web("stable", "192.0.2.99"));
  std::atomic<bool> done = false;
  std::atomic<int> lost = 0;
  std::thread reader([&] {
    while (!done) {
      lost += registry.lookup("n1", "www", Family::v4).empty() ? 1 : 0;
      registry.reverse("n1", ip("192.0.2.10"));
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&registry, w] {
      for (int i = 0; i < 2000; ++i) {
        registry.put(web(std::to_string(w)));
        registry.remove(std::to_string(w));
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  done = true;
  reader.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(registry.lookup("n1", "www", Family::v4), std::vector{ip("192.0.2.99")});
}

} // namespace
} // namespace ebpfnet::services
