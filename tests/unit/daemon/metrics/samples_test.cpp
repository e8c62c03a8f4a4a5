// How values get into the text: exact numbers, escaped labels, one header however many pieces.
#include "daemon/metrics/samples.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ebpfnet::metrics {
namespace {

TEST(Samples, WritesHelpTypeAndValues) {
  std::string text;
  {
    Samples samples(text, "ebpfnet_things_total", MetricType::Counter, "Things.");
    samples.add({{"kind", "a"}}, 1);
    samples.add({}, 2);
  }
  EXPECT_EQ(text, "# HELP ebpfnet_things_total Things.\n"
                  "# TYPE ebpfnet_things_total counter\n"
                  "ebpfnet_things_total{kind=\"a\"} 1\n"
                  "ebpfnet_things_total 2\n");
}

TEST(Samples, AMetricWithoutValuesLeavesNothing) {
  std::string text;
  {
    Samples samples(text, "ebpfnet_things", MetricType::Gauge, "Things.");
  }
  EXPECT_EQ(text, "");
}

TEST(Samples, CountersAreExactFarBeyondWhatIsCounted) {
  std::string text;
  {
    Samples samples(text, "ebpfnet_bytes_total", MetricType::Counter, "Bytes.");
    samples.add({}, static_cast<double>((1ULL << 53) - 1)); // 9 PB
    samples.add({}, 4294967297.0);
  }
  EXPECT_NE(text.find("ebpfnet_bytes_total 9007199254740991\n"), std::string::npos) << text;
  EXPECT_NE(text.find("ebpfnet_bytes_total 4294967297\n"), std::string::npos) << text;
}

TEST(Samples, EscapesWhatLabelsMustNotHold) {
  std::string text;
  {
    Samples samples(text, "ebpfnet_uplink_attached", MetricType::Gauge, "Uplinks.");
    samples.add({{"interface", "a\"b\\c\nd"}}, 1);
    samples.add({{"interface", "\xff\xc3\xa4"}}, 0); // interfaces may be named so
  }
  EXPECT_NE(text.find("{interface=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("{interface=\"\\\\xff\\\\xc3\\\\xa4\"} 0\n"), std::string::npos) << text;
  EXPECT_TRUE(
      std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

TEST(Samples, ManyValuesHaveOneHeader) {
  std::string text;
  {
    Samples samples(text, "ebpfnet_things_total", MetricType::Counter, "Things.");
    for (int i = 0; i < 2000; ++i) {
      samples.add({{"number", std::to_string(i)}}, i);
    }
  }
  EXPECT_EQ(std::ranges::count(text, '#'), 2);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2002);
  for (int i = 0; i < 2000; ++i) {
    const std::string line = fmt::format("\nebpfnet_things_total{{number=\"{}\"}} {}\n", i, i);
    ASSERT_NE(text.find(line), std::string::npos) << line;
  }
}

} // namespace
} // namespace ebpfnet::metrics
