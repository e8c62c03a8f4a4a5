// The thread pool: grows for blocked jobs, queues at its limit, shrinks when idle.
#include "daemon/server/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace ebpfnet::server {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<WorkerPool> pool_of(std::size_t threads, std::chrono::milliseconds idle = 30s) {
  auto pool = WorkerPool::create({.threads = threads, .idle = idle});
  EXPECT_TRUE(pool) << pool.error().story();
  return std::move(*pool);
}

TEST(WorkerPool, RunsEachJobOnAThreadOfItsOwnWhileTheOthersBlock) {
  std::latch all_running(64); // outlives the pool, which waits for its jobs
  auto pool = pool_of(64);
  for (int i = 0; i < 64; ++i) {
    // Ends only when all 64 run at the same time.
    pool->run([&] { all_running.arrive_and_wait(); });
  }
  all_running.wait();
  EXPECT_EQ(pool->threads(), 64u);
}

TEST(WorkerPool, ReusesAnIdleThreadInsteadOfMakingOne) {
  auto pool = pool_of(8);
  for (int i = 0; i < 20; ++i) {
    auto done = std::make_shared<std::latch>(1);
    pool->run([done] { done->count_down(); });
    done->wait();
    // The thread is idle again once it has taken the mutex; the next job may come a moment before
    // that.
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_LE(pool->threads(), 2u);
}

TEST(WorkerPool, QueuesBeyondItsLimitAndLosesNoJob) {
  std::atomic<int> done = 0;
  {
    std::latch release(1);
    auto pool = pool_of(2);
    for (int i = 0; i < 50; ++i) {
      pool->run([&] {
        release.wait();
        ++done;
      });
    }
    EXPECT_EQ(pool->threads(), 2u);
    EXPECT_EQ(done, 0);
    release.count_down();
  }
  EXPECT_EQ(done, 50);
}

TEST(WorkerPool, EndsIdleThreadsButKeepsOne) {
  std::latch together(16);
  std::latch again(1);
  auto pool = pool_of(16, 5ms);
  for (int i = 0; i < 16; ++i) {
    pool->run([&] { together.arrive_and_wait(); });
  }
  together.wait();
  while (pool->threads() > 1) {
    std::this_thread::sleep_for(1ms);
  }
  pool->run([&] { again.count_down(); });
  again.wait();
  EXPECT_GE(pool->threads(), 1u);
}

TEST(WorkerPool, ManyThreadsMayHandInJobsAtOnce) {
  std::atomic<int> done = 0;
  {
    auto pool = pool_of(8, 1ms);
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i) {
      clients.emplace_back([&] {
        for (int j = 0; j < 500; ++j) {
          pool->run([&] { ++done; });
        }
      });
    }
    for (auto& client : clients) {
      client.join();
    }
  }
  EXPECT_EQ(done, 4000);
}

} // namespace
} // namespace ebpfnet::server
