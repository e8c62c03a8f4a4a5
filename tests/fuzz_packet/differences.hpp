// Where a network of ours is meant to behave other than a bridge of the kernel, and how.
#pragma once

#include <optional>
#include <span>

#include "tests/fuzz_packet/census.hpp"
#include "tests/fuzz_packet/reading.hpp"
#include "tests/fuzz_packet/trace.hpp"

namespace ebpfnet::packet {

// What became of one step in one network.
struct Result {
  Bytes sent;
  std::vector<Receipt> receipts;
  Counted counted; // ours only

  // Every receipt in words, in order, without the numbers that a stack chooses freely.
  std::vector<std::string> in_words(bool conversation) const;
};

struct Comparison {
  const Cast& cast;
  const Step& step;
  Reading reading; // of the step
  const Result& plain;
  const Result& ours;

  const Member& self() const { return cast.members[step.from]; }
};

struct Difference {
  const char* name;
  const char* reason;
  bool (*applies)(const Comparison& both);
  // What ours did other than it is meant to; empty: nothing.
  std::string (*wrong)(const Comparison& both);
};

// The first that applies counts.
std::span<const Difference> intended_differences();

} // namespace ebpfnet::packet
