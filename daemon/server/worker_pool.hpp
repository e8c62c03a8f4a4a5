// Threads for work that blocks, so that one hung request never delays another: a thread is made
// when none is idle, up to a limit, and ends after it has been idle for a while; beyond the limit
// jobs queue. The event loop only hands jobs over and never waits here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "maps/types/error.hpp"

namespace ebpfnet::server {

class WorkerPool {
public:
  struct Limits {
    std::size_t threads = 512;
    std::chrono::milliseconds idle{30'000};
  };

  // Starts the one thread that is kept for good, so that `run` can always make progress. Fails with
  // errno when the kernel refuses a thread.
  static Result<std::unique_ptr<WorkerPool>> create(Limits limits);
  // Runs what is queued, then waits for every job: jobs must end when their owner shuts down.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `job`, which must not throw, on a thread of the pool. From any thread; never blocks on
  // another job.
  void run(std::function<void()> job);
  std::size_t threads() const;

private:
  explicit WorkerPool(Limits limits) : limits_(limits) {}
  int spawn(); // errno, 0 when done; needs mutex_
  void join_finished();
  void work(std::list<std::thread>::iterator self);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::list<std::thread> threads_;
  std::list<std::thread> finished_; // ended, to be joined
  std::size_t idle_ = 0;            // threads that wait for a job
  bool stopping_ = false;
};

} // namespace ebpfnet::server
