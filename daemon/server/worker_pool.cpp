// The cached thread pool: see worker_pool.hpp.
#include "daemon/server/worker_pool.hpp"

#include <system_error>

namespace ebpfnet::server {

Result<std::unique_ptr<WorkerPool>> WorkerPool::create(Limits limits) {
  std::unique_ptr<WorkerPool> pool(new WorkerPool(limits));
  std::lock_guard lock(pool->mutex_);
  if (int error = pool->spawn(); error != 0) {
    return fail_errno(error, "start a worker thread");
  }
  return pool;
}

void WorkerPool::run(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  join_finished();
  // Idle threads that were woken but have not run yet still count as idle, and their jobs still
  // stand in the queue.
  if (queue_.size() > idle_ && threads_.size() < limits_.threads) {
    // A refused thread is no error: the job waits for one that exists.
    spawn();
  }
  wake_.notify_one();
}

int WorkerPool::spawn() {
  auto self = threads_.emplace(threads_.end());
  try {
    *self = std::thread([this, self] { work(self); });
  } catch (const std::system_error& error) {
    threads_.erase(self);
    return error.code().value();
  }
  return 0;
}

void WorkerPool::join_finished() {
  // These threads have let go of the mutex and only have to return.
  for (std::thread& thread : finished_) {
    thread.join();
  }
  finished_.clear();
}

void WorkerPool::work(std::list<std::thread>::iterator self) {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait_for(lock, limits_.idle, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (!queue_.empty()) {
      std::function<void()> job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    } else if (stopping_) {
      return;
    } else if (threads_.size() > 1) {
      finished_.splice(finished_.end(), threads_, self);
      return;
    }
  }
}

std::size_t WorkerPool::threads() const {
  std::lock_guard lock(mutex_);
  return threads_.size();
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    join_finished();
  }
  wake_.notify_all();
  // No thread leaves the list any more: with stopping_ set they only return.
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

} // namespace ebpfnet::server
