// What counts while the daemon works: requests, events of the log, and what the kernel says of the
// process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <thread>

#include "daemon/metrics/api_requests.hpp"
#include "daemon/metrics/event_counts.hpp"
#include "daemon/metrics/process.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::metrics {
namespace {

using namespace std::chrono_literals;

TEST(ApiRequests, CountsByRouteAndCodeAndMeasures) {
  ApiRequests requests;
  requests.record({"GET", "/v1/networks", 200, 2ms});
  requests.record({"GET", "/v1/networks", 200, 20s});
  requests.record({"GET", "/v1/networks", 500, 2ms});
  requests.record({"POST", "/v1/networks", 201, 2ms});
  const auto routes = requests.read();
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].by_status, (std::map<int, std::uint64_t>{{200, 2}, {500, 1}}));
  const auto& took = routes[0].took.histogram;
  EXPECT_EQ(took.sample_count, 3U);
  EXPECT_NEAR(took.sample_sum, 20.004, 1e-9);
  EXPECT_EQ(took.bucket.front().cumulative_count, 0U); // 1 ms
  EXPECT_EQ(took.bucket.at(1).cumulative_count, 2U);   // 2.5 ms
  EXPECT_EQ(took.bucket.back().cumulative_count, 3U);  // all
  EXPECT_EQ(routes[1].method, "POST");
}

TEST(ApiRequests, WhatClientsMakeUpIsNoLabel) {
  ApiRequests requests;
  for (int i = 0; i < 100; ++i) {
    requests.record({"METHOD" + std::to_string(i), {}, 404, 0ms});
  }
  const auto routes = requests.read();
  ASSERT_EQ(routes.size(), 1U);
  EXPECT_EQ(routes[0].method, "other");
  EXPECT_EQ(routes[0].route, "other");
  EXPECT_EQ(routes[0].by_status.at(404), 100U);
}

TEST(ApiRequests, LosesNothingWhenManyRecordAtOnce) {
  ApiRequests requests;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        requests.record({"GET", "/v1/status", 200, 1ms});
        if (j % 100 == 0) {
          requests.read();
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(requests.read().at(0).by_status.at(200), 4000U);
}

TEST(EventCounts, CountsByNameAndLevel) {
  auto counts = std::make_shared<EventCounts>();
  spdlog::logger logger("test", counts);
  logger.set_level(spdlog::level::trace);
  logger.info("event=orphan_removed kind=device name={:?}", "ebv1");
  logger.info("event=orphan_removed kind=sandbox");
  logger.warn("event=uplink_failed");
  logger.error("event=repair_failed what=network error={:?}", "event=made_up");
  logger.critical("no event at all");
  logger.debug("event=api_request method=GET");
  const auto read = counts->read();
  EXPECT_EQ(read.by_level, (std::array<std::uint64_t, 3>{2, 1, 2}));
  EXPECT_EQ(read.by_event,
            (std::map<std::string, std::uint64_t>{
                {"orphan_removed", 2}, {"uplink_failed", 1}, {"repair_failed", 1}, {"other", 1}}));
}

TEST(Process, TellsWhatTheKernelAccounts) {
  const auto before = read_process();
  ASSERT_TRUE(before) << before.error().story();
  EXPECT_GT(before->resident_bytes, 1U << 20);
  EXPECT_GT(before->virtual_bytes, before->resident_bytes);
  EXPECT_GT(before->max_fds, before->open_fds);
  const auto now = static_cast<double>(::time(nullptr));
  EXPECT_LE(before->start_time_seconds, now + 2);
  EXPECT_GT(before->start_time_seconds, now - 3600);

  std::vector<UniqueFd> files;
  for (int i = 0; i < 7; ++i) {
    files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const auto after = read_process();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->open_fds, before->open_fds + 7);
  EXPECT_GE(after->cpu_seconds, before->cpu_seconds);
}

} // namespace
} // namespace ebpfnet::metrics
