// The way back: steps that take back what was done, run in reverse order unless the whole was kept.
#pragma once

#include <functional>
#include <vector>

namespace ebpfnet::network {

class Undo {
public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() { run(); }
  void push(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void run() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      (*step)();
    }
    steps_.clear();
  }
  void keep() { steps_.clear(); }

private:
  std::vector<std::function<void()>> steps_;
};

} // namespace ebpfnet::network
