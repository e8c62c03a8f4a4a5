// The catalogue against the naming rules of Prometheus, and a snapshot made by hand against the
// text it becomes.
#include "daemon/metrics/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

namespace ebpfnet::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricCatalogue, NamesFollowTheRules) {
  std::set<std::string> names;
  for (const MetricRow& row : catalogue()) {
    const std::string name = row.name;
    EXPECT_TRUE(names.insert(name).second) << name << " stands there twice";
    EXPECT_TRUE(std::regex_match(name, std::regex("(ebpfnet|process)_[a-z]+(_[a-z]+)*"))) << name;
    EXPECT_EQ(row.type == MetricType::Counter, name.ends_with("_total")) << name;
    EXPECT_FALSE(std::regex_search(name, std::regex("_(count|sum|bucket|ms|kb|percent)$"))) << name;
    const std::string help = row.help;
    EXPECT_TRUE(help.ends_with('.') && help.find('\n') == std::string::npos) << name;
  }
}

class MetricText : public ::testing::Test {
protected:
  MetricText() {
    Traffic net{"net", "bridge", {}};
    net.counters.packets[EBN_PATH_LOCAL] = 3;
    net.counters.bytes[EBN_PATH_LOCAL] = 300;
    net.counters.drops[EBN_DROP_SPOOFED_IP] = 7;
    snapshot.traffic = {{"", "", {}}, net};
    snapshot.traffic[0].counters.drops[EBN_DROP_MALFORMED] = 1;
    snapshot.census.networks = {
        {"net", "bridge", "2023-11-14T22:13:20.5Z", NetworkIndex(4), true, 2}};
    snapshot.census.sandboxes = {.created = 1, .running = 2, .exited = 3, .restarting = 4};
    snapshot.census.tcp = {.ranges = 1, .ports = 10000};
    snapshot.census.uplinks = {{"eth0", IfIndex(2), {}, {}, ""},
                               {"eth1", IfIndex(3), {}, {}, "refused"}};
    snapshot.tables.maps = {{"flows", 5, 131072}};
    snapshot.tables.established[EBN_FLOW_PUBLISHED] = 5;
    snapshot.features.tcx = true;
    snapshot.features.rows = {{"tcx links (6.6)", true, "", ""}, {"magic (9.9)", false, "", ""}};
    snapshot.kernel = "6.1.0-44-amd64";
    snapshot.dns[static_cast<std::size_t>(dns::Outcome::failed)] = 9;
    snapshot.log.by_level = {8, 0, 2};
    snapshot.log.by_event = {{"orphan_removed", 2}};
    snapshot.process.cpu_seconds = 1.25;
    ApiRequests requests;
    requests.record({"GET", "/v1/networks/{ref}", 404, std::chrono::milliseconds(3)});
    snapshot.api = requests.read();
    text = to_text(snapshot);
  }

  Snapshot snapshot;
  std::string text;
};

TEST_F(MetricText, HasEveryMetricOnceInTheOrderOfTheCatalogue) {
  std::size_t at = 0;
  for (const MetricRow& row : catalogue()) {
    const std::string help = fmt::format("# HELP {} {}\n# TYPE {} ", row.name, row.help, row.name);
    const auto found = text.find(help, at);
    ASSERT_NE(found, std::string::npos) << row.name;
    EXPECT_EQ(text.find(help, found + 1), std::string::npos) << row.name;
    at = found;
  }
}

TEST_F(MetricText, TellsTrafficByNetworkAndPath) {
  EXPECT_THAT(text, HasSubstr("ebpfnet_network_packets_total{network=\"net\",driver=\"bridge\","
                              "path=\"local\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ebpfnet_network_bytes_total{network=\"net\",driver=\"bridge\","
                              "path=\"local\"} 300\n"));
  EXPECT_THAT(text, HasSubstr("ebpfnet_network_packets_total{network=\"net\",driver=\"bridge\","
                              "path=\"out\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("ebpfnet_network_created_timestamp_seconds{network=\"net\","
                              "driver=\"bridge\"} 1700000000.5\n"));
  EXPECT_THAT(text, HasSubstr("ebpfnet_network_endpoints{network=\"net\",driver=\"bridge\"} 2\n"));
}

// rate() and increase() need the 0 before the first drop.
TEST_F(MetricText, TellsEveryReasonOfEveryNetworkFromZeroOn) {
  const std::regex line("ebpfnet_network_drops_total\\{[^}]*\\} [0-9]+\n");
  std::size_t reasons = 0;
#define EBN_ONE(name, number, label, meaning)                                                      \
  ++reasons;                                                                                       \
  EXPECT_THAT(text, HasSubstr("{network=\"net\",driver=\"bridge\",reason=\"" label "\"} "));       \
  EXPECT_THAT(text, HasSubstr("{network=\"\",driver=\"\",reason=\"" label "\"} "));
  EBN_DROP_REASONS(EBN_ONE)
#undef EBN_ONE
  EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), line), {}), 2 * reasons);
  EXPECT_THAT(text, HasSubstr("{network=\"net\",driver=\"bridge\",reason=\"spoofed_ip\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("{network=\"\",driver=\"\",reason=\"malformed\"} 1\n"));
}

TEST_F(MetricText, TellsWhatThereIs) {
  for (const char* line :
       {"ebpfnet_networks{driver=\"bridge\"} 1\n", "ebpfnet_sandboxes{state=\"created\"} 1\n",
        "ebpfnet_sandboxes{state=\"running\"} 2\n", "ebpfnet_sandboxes{state=\"exited\"} 3\n",
        "ebpfnet_sandboxes{state=\"restarting\"} 4\n",
        "ebpfnet_published_ranges{protocol=\"tcp\"} 1\n",
        "ebpfnet_published_ports{protocol=\"tcp\"} 10000\n",
        "ebpfnet_published_ports{protocol=\"udp\"} 0\n",
        "ebpfnet_uplink_attached{interface=\"eth0\"} 1\n",
        "ebpfnet_uplink_attached{interface=\"eth1\"} 0\n", "ebpfnet_map_entries{map=\"flows\"} 5\n",
        "ebpfnet_map_max_entries{map=\"flows\"} 131072\n",
        "ebpfnet_flows{state=\"established\",kind=\"published\"} 5\n",
        "ebpfnet_flows{state=\"unreplied\",kind=\"masquerade\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(MetricText, TellsOfTheDaemon) {
  for (const char* line :
       {"ebpfnet_dns_queries_total{result=\"answered\"} 0\n",
        "ebpfnet_dns_queries_total{result=\"failed\"} 9\n",
        "ebpfnet_api_requests_total{method=\"GET\",route=\"/v1/networks/{ref}\",code=\"404\"} 1\n",
        "ebpfnet_api_request_duration_seconds_bucket{method=\"GET\",route=\"/v1/networks/{ref}\","
        "le=\"0.0025\"} 0\n", // NOLINT(bugprone-suspicious-missing-comma)
        "ebpfnet_api_request_duration_seconds_bucket{method=\"GET\",route=\"/v1/networks/{ref}\","
        "le=\"0.005\"} 1\n",
        "ebpfnet_log_messages_total{level=\"info\"} 8\n",
        "ebpfnet_log_messages_total{level=\"error\"} 2\n",
        "ebpfnet_events_total{event=\"orphan_removed\"} 2\n",
        "ebpfnet_kernel_info{release=\"6.1.0-44-amd64\",attach=\"tcx\"} 1\n",
        "ebpfnet_kernel_feature{feature=\"tcx links\"} 1\n",
        "ebpfnet_kernel_feature{feature=\"magic\"} 0\n", "process_cpu_seconds_total 1.25\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("ebpfnet_build_info{version=\""));
  EXPECT_THAT(text, Not(HasSubstr("} nan")));
}

} // namespace
} // namespace ebpfnet::metrics
