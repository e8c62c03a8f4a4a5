// The report of `ebpfnet status`.
#include "cli/status_report.hpp"

#include <gmock/gmock.h>

namespace ebpfnet::cli {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(StatusReport, NamesTheDaemonAndCounts) {
  const json status{{"Version", "9.9"},
                    {"Pid", 7},
                    {"RunDir", "/run/x"},
                    {"Counts", {{"Networks", 3}, {"Sandboxes", 2}, {"Running", 1}}}};
  const std::string text = status_report(status);
  EXPECT_THAT(text, HasSubstr("ebpfnetd 9.9, pid 7"));
  EXPECT_THAT(text, HasSubstr("run directory    /run/x\n"));
  EXPECT_THAT(text, HasSubstr("3 networks, 2 sandboxes (1 running)"));
}

TEST(StatusReport, ShowsHowFullAMapIs) {
  const json status{{"Maps", {{{"Name", "flows"}, {"Entries", 50}, {"MaxEntries", 200}}}}};
  EXPECT_THAT(status_report(status), EndsWith("\nMaps\n"
                                              "  MAP       ENTRIES   MAX       FULL\n"
                                              "  flows     50        200       25 %\n"));
}

TEST(StatusReport, SaysWhyAnUplinkIsNotAttached) {
  const json status{
      {"Uplinks",
       {{{"Name", "eth0"}, {"Address", ""}, {"Attached", false}, {"Problem", "no such device"}}}}};
  EXPECT_THAT(status_report(status), HasSubstr("eth0        -         no such device\n"));
}

TEST(StatusReport, SaysNoneForAnEmptySectionAndNothingForAMissingOne) {
  const std::string text = status_report({{"Drops", json::array()}});
  EXPECT_THAT(text, EndsWith("\nDrops\n  none\n"));
  EXPECT_THAT(text, Not(HasSubstr("Maps")));
}

TEST(StatusReport, ListsWhatVerifyFound) {
  const json status{{"Problems", {"bridge ebn1 of network 'a' is missing"}}};
  EXPECT_THAT(status_report(status), HasSubstr("  bridge ebn1 of network 'a' is missing\n"));
  EXPECT_THAT(status_report(status), HasSubstr("hint: a restart of ebpfnetd"));
  EXPECT_THAT(status_report({{"Problems", json::array()}}), Not(HasSubstr("hint")));
}

} // namespace
} // namespace ebpfnet::cli
