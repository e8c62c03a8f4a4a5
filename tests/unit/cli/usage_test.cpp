// Wrong words, planned words, help, and exit codes of the built program.
#include <gmock/gmock.h>

#include "cli/command.hpp"
#include "tests/unit/cli/program.hpp"

namespace ebpfnet::cli {
namespace {

using server::Json;
using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::StartsWith;

Result<Json> refused(ErrorCode code, std::string message, std::string hint = "") {
  return Failure(Error{code, 0, std::move(message), std::move(hint)});
}

TEST_F(Program, GoTemplatesAreRefusedWithAHint) {
  Outcome done = run({"network", "ls", "--format", "{{.ID}}"});
  EXPECT_EQ(
      done.err,
      "Error: --format '{{.ID}}': Go templates are not supported (hint: use --format json, for "
      "example with jq)\n");
  EXPECT_EQ(done.code, 2);
}

TEST_F(Program, RunHasExitCodesOfItsOwn) {
  EXPECT_CALL(backend_, sandbox_create(_))
      .WillOnce(Return(refused(ErrorCode::no_command, "'nope' not found in PATH")))
      .WillOnce(Return(refused(ErrorCode::not_executable, "'/etc/passwd': permission denied")))
      .WillOnce(Return(refused(ErrorCode::conflict, "port 80 is taken")));
  EXPECT_EQ(run({"run", "-d", "--", "nope"}).code, 127);
  EXPECT_EQ(run({"run", "-d", "--", "/etc/passwd"}).code, 126);
  EXPECT_EQ(run({"run", "-d", "-p", "80", "--", "true"}).code, 125);
  EXPECT_EQ(run({"run", "-d"}).code, 2);
  EXPECT_EQ(run({"run", "--bogus", "true"}).code, 2);
  EXPECT_EQ(run({"run", "-p", "eighty", "true"}).code, 2);
  EXPECT_EQ(run({"run", "--restart", "sometimes", "true"}).code, 2);
}

TEST_F(Program, WhatIsPlannedIsRefusedByName) {
  Outcome service = run({"service", "create", "--name", "x", "--vip", "1.2.3.4"});
  EXPECT_THAT(service.err, StartsWith("Error: 'service' is not built yet (hint: "));
  EXPECT_EQ(service.code, 1);
  for (const char* word : {"cluster", "node", "monitor", "explain", "flows", "nat", "metrics",
                           "doctor", "completion"}) {
    Outcome done = run({word});
    EXPECT_EQ(done.code, 1) << word;
    EXPECT_THAT(done.err, HasSubstr(std::string("'") + word + "' is not built yet"));
  }
  Outcome flag = run({"run", "-d", "--service", "x", "true"});
  EXPECT_EQ(flag.err, "Error: --service is not built yet\n");
  EXPECT_EQ(flag.code, 125);
  EXPECT_EQ(run({"publish", "--allow-from", "10.0.0.0/8", "web", "80"}).err,
            "Error: --allow-from is not built yet\n");
  EXPECT_EQ(run({"publish", "--max-new-conn", "9/s", "web", "80"}).err,
            "Error: --max-new-conn is not built yet\n");
}

TEST_F(Program, WrongWordsAreUsageErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"bogus"},
                                             {"network"},
                                             {"network", "bogus"},
                                             {"network", "create"},
                                             {"network", "create", "a", "b"},
                                             {"network", "create", "--bogus", "a"},
                                             {"ps", "--format", "yaml"},
                                             {"ps", "-f", "name"},
                                             {"stop"},
                                             {"stop", "-t", "x", "web"},
                                             {"stop", "-t", "-1", "web"},
                                             {"--bogus"},
                                             {"--host"},
                                             {"port"},
                                             {"--host", "tcp://1.2.3.4:5", "ps"},
                                             {"network", "ls", "extra"},
                                             {"exec", "web"},
                                             {"rm", ""},
                                             {"network", "inspect", ""},
                                             {"exec"}}) {
    Outcome done = run(words);
    EXPECT_EQ(done.code, 2) << ::testing::PrintToString(words) << done.err;
    EXPECT_THAT(done.err, StartsWith("Error: ")) << ::testing::PrintToString(words);
    EXPECT_THAT(done.err, HasSubstr(" (hint: ")) << ::testing::PrintToString(words);
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
    EXPECT_EQ(done.out, "");
  }
  EXPECT_THAT(run({"network", "create", "--bogus", "a"}).err, HasSubstr("unknown flag '--bogus'"));
}

TEST_F(Program, ANegativeTimeIsRefusedInPlainWords) {
  EXPECT_EQ(run({"stop", "-t", "-1", "web"}).err,
            "Error: --time: '-1' is less than 0 (hint: see 'ebpfnet stop --help')\n");
}

TEST_F(Program, AnUnreachableDaemonIsExitCodeThreeEverywhere) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"ps"},
                                             {"run", "-d", "true"},
                                             {"exec", "web", "true"},
                                             {"rm", "a", "b"},
                                             {"logs", "x"},
                                             {"version"}}) {
    std::vector<std::string> full = {"--host", "unix:///nowhere/api.sock"};
    full.insert(full.end(), words.begin(), words.end());
    Outcome done = run(full);
    EXPECT_EQ(done.code, 3) << words[0];
    EXPECT_THAT(done.err,
                StartsWith("Error: cannot reach the daemon at /nowhere/api.sock: No such file"))
        << words[0];
    EXPECT_THAT(done.err, HasSubstr("(hint: is ebpfnetd running?"));
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  }
  EXPECT_EQ(run({"ps", "--host", "unix:///nowhere/api.sock"}).code, 3);
}

TEST_F(Program, ABusyDaemonIsNotAnUnreachableOne) {
  EXPECT_CALL(backend_, sandbox_list(_, _))
      .WillOnce(Return(refused(ErrorCode::unavailable, "peer is away")));
  EXPECT_EQ(run({"ps"}).code, 1);
}

TEST_F(Program, StatusIsAReportOrJson) {
  EXPECT_CALL(backend_, status(false)).WillOnce(Return(Json{{"Version", "9.9"}, {"Pid", 7}}));
  EXPECT_CALL(backend_, status(true)).WillOnce(Return(Json{{"Ok", true}}));
  EXPECT_THAT(run({"status"}).out, testing::StartsWith("ebpfnetd 9.9, pid 7"));
  EXPECT_EQ(Json::parse(run({"status", "--verify", "--format", "json"}).out)["Ok"], true);
}

TEST_F(Program, VersionNamesBothSides) {
  EXPECT_CALL(backend_, version()).WillRepeatedly(Return(Json{{"Version", "9.9"}}));
  EXPECT_THAT(run({"version"}).out,
              AllOf(StartsWith("Client:\n  Version: "), HasSubstr("Server:\n  Version: 9.9\n")));
  EXPECT_EQ(Json::parse(run({"version", "--format", "json"}).out)["Server"]["Version"], "9.9");
  EXPECT_THAT(run({"--version"}).out, StartsWith("ebpfnet version "));
}

TEST_F(Program, EveryCommandHasHelp) {
  std::string overview = run({"--help"}).out;
  for (const Command& command : commands()) {
    std::string path(command.path);
    EXPECT_THAT(overview, HasSubstr("  " + path + " "));
    std::vector<std::string> words;
    std::stringstream split(path);
    for (std::string word; split >> word;) {
      words.push_back(word);
    }
    words.push_back("--help");
    Outcome help = run(words);
    EXPECT_EQ(help.code, 0) << path;
    EXPECT_THAT(help.out, AllOf(StartsWith("Usage: ebpfnet " + path), HasSubstr(command.summary),
                                HasSubstr("Examples:")))
        << path;
  }
  EXPECT_THAT(run({"network", "--help"}).out, HasSubstr("network disconnect"));
  EXPECT_THAT(run({"help", "ps"}).out, StartsWith("Usage: ebpfnet ps"));
}

} // namespace
} // namespace ebpfnet::cli
