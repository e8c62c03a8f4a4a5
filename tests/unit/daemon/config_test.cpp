// The daemon's settings: the file, the flags that win over it, and what is refused.
#include "daemon/config.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace ebpfnet {
namespace {

using testing::HasSubstr;

class ConfigFile : public testing::Test {
protected:
  ~ConfigFile() override { std::filesystem::remove(path_); }

  Result<Config> load(const std::string& text, std::vector<std::string> flags = {}) {
    std::ofstream(path_) << text;
    flags.insert(flags.begin(), {"ebpfnetd", "--config", path_});
    std::vector<char*> words;
    for (std::string& flag : flags) {
      words.push_back(flag.data());
    }
    int exit_code = 0;
    return load_config(static_cast<int>(words.size()), words.data(), exit_code);
  }
  std::string refusal(const std::string& text) {
    const auto config = load(text);
    return config ? "accepted" : config.error().message;
  }

  const std::string path_ = testing::TempDir() + "config_test." + std::to_string(::getpid());
};

TEST_F(ConfigFile, SetsWhatItNamesAndAFlagWins) {
  const auto config = load("masquerade-ports = \"2000-3000\"\nuplink = [\"eth0\", \"eth1\"]\n"
                           "state-dir = \"/srv/state\"\nlog-level = \"warn\"\n"
                           "metrics-listen = \"[::1]:9464\"\nattach = \"clsact\"\n",
                           {"--log-level", "debug"});
  ASSERT_TRUE(config) << config.error().story();
  EXPECT_EQ(config->network.masq_first, 2000);
  EXPECT_EQ(config->network.masq_last, 3000);
  EXPECT_EQ(config->network.uplinks, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(config->network.state_dir, "/srv/state");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->metrics_listen->to_string(), "[::1]:9464");
  EXPECT_FALSE(config->network.tcx);
}

TEST_F(ConfigFile, MasqueradePortsAreTwoNumbersAndNothingElse) {
  for (const char* text : {"", "-", "2000", "2000-", "-3000", "3000-2000", "1023-2000",
                           "2000-65536", " 2000-3000", "+2000-3000", "2000- 3000", "2000--3000",
                           "2000-3000 ", "4294969296-3000", "2000-4294970296", "2000-3000-4000"}) {
    EXPECT_THAT(refusal(fmt::format("masquerade-ports = \"{}\"", text)),
                HasSubstr("invalid masquerade ports"))
        << text;
  }
}

TEST_F(ConfigFile, RefusesATextWithANul) {
  EXPECT_THAT(refusal(R"(masquerade-ports = "2000-3000\u0000x")"), HasSubstr("NUL"));
  EXPECT_THAT(refusal("\nstate-dir = \"/srv/a\\u0000b\""), HasSubstr("line 2: 'state-dir'"));
  EXPECT_THAT(refusal(R"(uplink = ["eth0\u0000"])"), HasSubstr("'uplink' contains a NUL"));
}

TEST_F(ConfigFile, RefusesUnknownKeysAndOtherTypesByLine) {
  EXPECT_THAT(refusal("\n\ncolour = \"blue\""), HasSubstr("line 3: unknown key 'colour'"));
  EXPECT_THAT(refusal("state-dir = 1"), HasSubstr("line 1: 'state-dir' should be a string"));
  EXPECT_THAT(refusal("uplink = \"eth0\""), HasSubstr("should be a list of strings"));
  EXPECT_THAT(refusal("state-dir = \"/srv"), HasSubstr("line 1"));
}

} // namespace
} // namespace ebpfnet
