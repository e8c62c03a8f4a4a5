// Small numbers that name things in maps. The next one after the last is taken, so that a freed
// number rests as long as possible before it means something else.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::network {

class IndexPool {
public:
  // Gives out 1 .. size-1.
  IndexPool(std::string_view what, std::uint32_t size) : what_(what), used_(size) {}

  Result<std::uint32_t> take() {
    const auto size = static_cast<std::uint32_t>(used_.size());
    for (std::uint32_t i = 0; i < size; ++i) {
      cursor_ = cursor_ + 1 >= size ? 1 : cursor_ + 1;
      if (!used_[cursor_]) {
        used_[cursor_] = true;
        return cursor_;
      }
    }
    return fail(ErrorCode::exhausted, "all {} {} are in use", size - 1, what_);
  }
  // Marks a number that was given out in an earlier life.
  void claim(std::uint32_t number) {
    used_[number] = true;
    cursor_ = number > cursor_ ? number : cursor_;
  }
  // Also for numbers that the pool does not have: they are not in use.
  bool in_use(std::uint32_t number) const { return number < used_.size() && used_[number]; }
  void give(std::uint32_t number) { used_[number] = false; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(used_.size()); }

private:
  std::string_view what_;
  std::vector<bool> used_;
  std::uint32_t cursor_ = 0;
};

} // namespace ebpfnet::network
