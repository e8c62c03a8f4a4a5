// What users write: names, host names, signals, and the options of bridge networks.
#include <gmock/gmock.h>
#include <signal.h>

#include "daemon/network/bridge/options.hpp"
#include "daemon/network/names.hpp"
#include "daemon/network/signals.hpp"

namespace ebpfnet::network {
namespace {

using testing::HasSubstr;

TEST(Names, AreDockersNames) {
  for (const char* good : {"a", "0", "web", "Web_1.x-y", "a."}) {
    EXPECT_TRUE(check_name("network", good)) << good;
  }
  EXPECT_TRUE(check_name("network", std::string(255, 'a')));
  for (const char* bad : {"", "-a", ".a", "_a", "a b", "a/b", "a\n", "\xc3\xa9", "a:b", "../x"}) {
    EXPECT_FALSE(check_name("network", bad)) << bad;
  }
  EXPECT_FALSE(check_name("network", std::string(256, 'a')));
  EXPECT_FALSE(check_name("network", std::string_view("a\0b", 3)));
}

TEST(Names, ARefusalSaysWhatWasNamedAndTheRule) {
  const auto refused = check_name("sandbox", "a b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid);
  EXPECT_EQ(refused.error().message,
            "Invalid sandbox name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

TEST(Hostnames, AreLabelsOfAtMost63Characters) {
  const std::string longest(63, 'a');
  for (const std::string& good : {std::string("web"), std::string("a-b.c"), longest}) {
    EXPECT_TRUE(check_hostname(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string(".a"), std::string("a b"), longest + "a",
        std::string("a/b"), std::string("a\n"), std::string("\xc3\xa9"), std::string(65, 'a')}) {
    EXPECT_FALSE(check_hostname(bad)) << bad;
  }
}

TEST(Signals, AreNamesWithOrWithoutSigOrNumbers) {
  for (const char* term : {"TERM", "SIGTERM", "sigterm", "term", "15"}) {
    EXPECT_EQ(parse_signal(term).value_or(0), SIGTERM) << term;
  }
  EXPECT_EQ(parse_signal("KILL").value_or(0), SIGKILL);
  EXPECT_EQ(parse_signal("64").value_or(0), 64);
}

TEST(Signals, NothingElseIsASignal) {
  for (const char* bad : {"", "SIG", "0", "-1", "65", "99999999999999999999", "9x", " 9", "TERMS",
                          "SIGSIGTERM", "\xc3\xa9"}) {
    const auto parsed = parse_signal(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().message, std::string("invalid signal: ") + bad);
  }
}

TEST(BridgeOptions, AreReadByDockersNames) {
  const auto options =
      bridge::parse_options({{"com.docker.network.driver.mtu", "1400"},
                             {"com.docker.network.bridge.name", "br-x"},
                             {"com.docker.network.bridge.enable_icc", "false"},
                             {"com.docker.network.bridge.enable_ip_masquerade", "0"},
                             {"com.ebpfnet.spoof_check", "off"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mtu, 1400U);
  EXPECT_EQ(options->bridge_name, "br-x");
  EXPECT_FALSE(options->icc || options->masquerade || options->spoof_check);
}

TEST(BridgeOptions, HaveDockersDefaults) {
  const auto options = bridge::parse_options({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mtu, 1500U);
  EXPECT_TRUE(options->icc && options->masquerade && options->spoof_check);
  EXPECT_EQ(options->bridge_name, "");
}

TEST(BridgeOptions, AnUnknownOneIsRefusedByNameWithTheKnownOnes) {
  const auto refused =
      bridge::parse_options({{"com.docker.network.bridge.gateway_mode_ipv4", "x"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("'com.docker.network.bridge.gateway_mode_ipv4'"));
  EXPECT_THAT(refused.error().hint, HasSubstr("com.docker.network.driver.mtu"));
}

TEST(BridgeOptions, AWrongValueIsRefusedWithWhatItShouldBe) {
  for (const char* mtu : {"", "0", "67", "65536", "-1", "1500x", " 1500", "1e3", "4294968796"}) {
    const auto refused = bridge::parse_options({{"com.docker.network.driver.mtu", mtu}});
    ASSERT_FALSE(refused) << mtu;
    EXPECT_THAT(refused.error().message, HasSubstr("it should be 68..65535"));
  }
  for (const char* flag : {"", "yes", "TRUE", "2"}) {
    EXPECT_FALSE(bridge::parse_options({{"com.docker.network.bridge.enable_icc", flag}})) << flag;
  }
  EXPECT_TRUE(bridge::parse_options({{"com.docker.network.driver.mtu", "68"}}));
  EXPECT_TRUE(bridge::parse_options({{"com.docker.network.driver.mtu", "65535"}}));
}

} // namespace
} // namespace ebpfnet::network
