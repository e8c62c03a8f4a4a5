// A set of 128-bit numbers kept as runs, so that a full subnet costs one entry and the next free
// number one lookup.
#pragma once

#include <iterator>
#include <map>

namespace ebpfnet::ipam {

__extension__ using U128 = unsigned __int128;

class IntervalSet {
public:
  bool contains(U128 value) const {
    const auto run = run_of(value);
    return run != runs_.end() && value <= run->second;
  }

  // The smallest number from `value` on that is not in the set.
  U128 next_free(U128 value) const {
    const auto run = run_of(value);
    return run != runs_.end() && value <= run->second ? run->second + 1 : value;
  }

  // False when it was there already.
  bool insert(U128 value) {
    if (contains(value)) {
      return false;
    }
    U128 first = value;
    U128 last = value;
    if (auto after = runs_.find(value + 1); after != runs_.end()) {
      last = after->second;
      runs_.erase(after);
    }
    if (auto before = run_of(value); before != runs_.end() && before->second + 1 == value) {
      first = before->first;
    }
    runs_[first] = last;
    return true;
  }

  // False when it was not there.
  bool erase(U128 value) {
    if (!contains(value)) {
      return false;
    }
    const auto [first, last] = *run_of(value);
    runs_.erase(first);
    if (first < value) {
      runs_[first] = value - 1;
    }
    if (value < last) {
      runs_[value + 1] = last;
    }
    return true;
  }

private:
  // The last run that begins at or before `value`.
  std::map<U128, U128>::const_iterator run_of(U128 value) const {
    auto after = runs_.upper_bound(value);
    return after == runs_.begin() ? runs_.end() : std::prev(after);
  }

  std::map<U128, U128> runs_; // first -> last
};

} // namespace ebpfnet::ipam
