#include "loader/layouts/v1.hpp"
#include "loader/schema.hpp"

namespace ebpfnet::loader {
namespace {

constexpr OldLayout kRows[] = {
    {1, v1::kChanged, v1::copy},
};

} // namespace

std::span<const OldLayout> old_layouts() {
  return kRows;
}

} // namespace ebpfnet::loader
