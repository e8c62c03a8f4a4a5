// Where our words end and the foreign command begins.
#include "cli/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.hpp"

namespace ebpfnet::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Words : public ::testing::Test {
protected:
  Words() {
    arguments_.add_flag("-d,--detach", set_);
    arguments_.add_flag("-i", set_);
    arguments_.add_flag("-t", set_);
    arguments_.add_repeated("-e,--env", values_);
    arguments_.add_repeated("-p", values_);
    arguments_.add_option("--name", name_);
  }
  SplitWords split(const std::vector<std::string>& words, int names = 0) {
    return split_command(arguments_, words, names);
  }
  Arguments arguments_;
  bool set_ = false;
  std::vector<std::string> values_;
  std::string name_;
};

TEST_F(Words, CommandBeginsAfterTwoDashes) {
  auto [own, command] = split({"-d", "--name", "web", "--", "sh", "-c", "exit 3"});
  EXPECT_THAT(own, ElementsAre("-d", "--name", "web"));
  EXPECT_THAT(command, ElementsAre("sh", "-c", "exit 3"));
}

TEST_F(Words, CommandBeginsWithTheFirstWordThatIsNoFlagAndKeepsItsOwnFlags) {
  auto [own, command] = split({"--name=web", "-e", "A=1", "-it", "ls", "--name", "x", "--", "-d"});
  EXPECT_THAT(own, ElementsAre("--name=web", "-e", "A=1", "-it"));
  EXPECT_THAT(command, ElementsAre("ls", "--name", "x", "--", "-d"));
}

TEST_F(Words, ValuesThatLookLikeCommandsOrFlagsStayValues) {
  auto [own, command] = split({"--name", "--", "-p", "-d", "-eA", "-de", "B", "true"});
  EXPECT_THAT(own, ElementsAre("--name", "--", "-p", "-d", "-eA", "-de", "B"));
  EXPECT_THAT(command, ElementsAre("true"));
}

TEST_F(Words, NamesBeforeTheCommandAreCounted) {
  auto [own, command] = split({"-i", "web", "-t", "ls", "-l"}, 1);
  EXPECT_THAT(own, ElementsAre("-i", "web", "-t"));
  EXPECT_THAT(command, ElementsAre("ls", "-l"));
  auto [own2, command2] = split({"web", "--", "-weird"}, 1);
  EXPECT_THAT(own2, ElementsAre("web"));
  EXPECT_THAT(command2, ElementsAre("-weird"));
}

TEST_F(Words, UnknownFlagsStayForTheParserToRefuse) {
  auto [own, command] = split({"--bogus", "ls"});
  EXPECT_THAT(own, ElementsAre("--bogus"));
  EXPECT_THAT(command, ElementsAre("ls"));
}

TEST_F(Words, AMissingValueOrCommandIsNoCrash) {
  EXPECT_THAT(split({"--name"}).command, IsEmpty());
  EXPECT_THAT(split({"--"}).command, IsEmpty());
  EXPECT_THAT(split({}).own, IsEmpty());
  // A lone dash is no flag.
  EXPECT_THAT(split({"-", "x"}).command, ElementsAre("-", "x"));
}

} // namespace
} // namespace ebpfnet::cli
