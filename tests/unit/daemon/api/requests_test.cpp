// The text forms of published ports and restart policies.
#include "daemon/api/requests.hpp"

#include <gtest/gtest.h>

namespace ebpfnet::api {
namespace {

TEST(PortSpec, ReadsEveryFormOfTheGrammar) {
  const std::pair<const char*, PortSpec> cases[] = {
      {"80", {"", 0, 0, 80, 80, "tcp"}},
      {"53/udp", {"", 0, 0, 53, 53, "udp"}},
      {"8080:80", {"", 8080, 8080, 80, 80, "tcp"}},
      {"0:80", {"", 0, 0, 80, 80, "tcp"}},
      {"127.0.0.1:8080:80/TCP", {"127.0.0.1", 8080, 8080, 80, 80, "tcp"}},
      {"127.0.0.1::80", {"127.0.0.1", 0, 0, 80, 80, "tcp"}},
      {"[::1]:8080:80", {"::1", 8080, 8080, 80, 80, "tcp"}},
      {"[::1]::80/udp", {"::1", 0, 0, 80, 80, "udp"}},
      {"8000-8009:80-89", {"", 8000, 8009, 80, 89, "tcp"}},
      {"8000-8009:80", {"", 8000, 8009, 80, 80, "tcp"}},
      {"80-89", {"", 0, 0, 80, 89, "tcp"}},
      {"1:65535", {"", 1, 1, 65535, 65535, "tcp"}},
  };
  for (const auto& [text, expected] : cases) {
    auto spec = PortSpec::from(text);
    ASSERT_TRUE(spec) << text << ": " << spec.error().message;
    EXPECT_EQ(*spec, expected) << text;
    EXPECT_EQ(PortSpec::from(spec->to_string()), expected) << spec->to_string();
  }
}

TEST(PortSpec, NamesTextAndExpectationInARefusal) {
  auto spec = PortSpec::from("99999:80");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "invalid port spec '99999:80': port 99999 is outside 1..65535");
  EXPECT_EQ(spec.error().code, ErrorCode::invalid);
}

TEST(PortSpec, RefusesWhatIsNotAPort) {
  for (const char* text :
       {"",           ":",           "8080:",     "0",        "80:0",
        "65536",      "-1",          "80-",       "-80",      "89-80",
        "80:81-82",   "1-3:1-2",     "a",         "80x",      "80/",
        "80/icmp",    "1.2.3:80:80", "::1:80:80", "[::1]:80", "[1.2.3.4]:80:80",
        "[::1:80:80", "a:b:c:d:80",  " 80",       "80 ",      "99999999999999999999",
        "0x50",       "1-2-3",       "+80"}) {
    EXPECT_FALSE(PortSpec::from(text)) << text;
  }
}

TEST(PortSpec, RefusesSctpByName) {
  auto spec = PortSpec::from("80/sctp");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::unsupported);
  EXPECT_NE(spec.error().message.find("sctp"), std::string::npos);
}

TEST(RestartPolicy, ReadsAndWritesItsForms) {
  for (const char* text : {"no", "always", "on-failure", "on-failure:5"}) {
    auto policy = RestartPolicy::from(text);
    ASSERT_TRUE(policy) << text;
    EXPECT_EQ(policy->to_string(), text);
  }
  EXPECT_EQ(RestartPolicy::from("on-failure:5")->max_retries, 5);
}

TEST(RestartPolicy, RefusesOtherTexts) {
  for (const char* text : {"", "sometimes", "unless-stopped", "always:3", "no:1", "on-failure:",
                           "on-failure:-1", "on-failure:x", "on-failure:99999999999"}) {
    EXPECT_FALSE(RestartPolicy::from(text)) << text;
  }
}

} // namespace
} // namespace ebpfnet::api
