// Removes interfaces for many callers at once. The request that deletes an interface comes back
// only after RCU grace periods (20 ms and more), though the interface is gone for everybody after
// the first fraction of a millisecond. So a caller waits until the kernel tells that it is gone;
// what comes while one request is at work goes with the next, as one; and the tails of the requests
// pass on threads that nobody waits for.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "maps/types/error.hpp"
#include "maps/types/id.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::netlink {

class LinkRemover {
public:
  // Runs a job on some thread of the calling process's network namespace. Jobs block: the threads
  // must not be those that wait in `remove`.
  using Run = std::function<void(std::function<void()> job)>;

  // In the calling thread's network namespace. Destroy it after the last job has ended.
  static Result<std::unique_ptr<LinkRemover>> create(Run run);
  ~LinkRemover();
  LinkRemover(const LinkRemover&) = delete;
  LinkRemover& operator=(const LinkRemover&) = delete;

  // Returns when the interface is gone: its number, its name and, for a veth, its peer too. Success
  // also when there is none. Errors: what the kernel says about the deletion. Groups of interfaces,
  // such as the ports of one bridge, take turns: a thousand of one do not hold up one of another.
  Result<void> remove(IfIndex index, IfIndex group = IfIndex());
  // Interfaces that somebody waits for.
  std::size_t waiting() const;

private:
  // One interface that somebody waits for.
  struct Leaving {
    bool done = false;
    Result<void> outcome;
  };
  using LeavingPtr = std::shared_ptr<Leaving>;
  using Batch = std::map<IfIndex, LeavingPtr>;
  // Grows with each interface of a group, from where the last request has come to.
  using Place = std::uint64_t;

  LinkRemover(Run run, UniqueFd events, UniqueFd stop);
  void listen();
  void take_events();
  LeavingPtr enqueue(IfIndex index, IfIndex group); // needs mutex_
  void begin_batch();                               // needs mutex_
  void delete_batch(const Batch& batch);
  bool is_done(const Leaving& leaving) const;
  Result<void> request_deletion(const Batch& batch);
  void settle(IfIndex index, const Result<void>& outcome); // needs mutex_

  Run run_;
  UniqueFd events_; // RTM_DELLINK messages
  UniqueFd stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Place, IfIndex>, LeavingPtr> queue_; // for the next requests
  std::map<IfIndex, Place> last_place_;                   // by group, of those in the queue
  Place reached_ = 0;
  Batch leaving_; // of the request at work, not gone yet
  std::thread listener_;
};

} // namespace ebpfnet::netlink
