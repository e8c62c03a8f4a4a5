// What is said when the kernel lacks a feature; the rows stand for an older kernel.
#include "loader/feature.hpp"

#include <gtest/gtest.h>

#include <array>

namespace ebpfnet::loader {
namespace {

constexpr Feature kOptional{"tcx links (6.6)", false, "attaching", "clsact filters"};
constexpr Feature kRequired{"bpf_timer (5.15)", true, "the end of idle flows", ""};

TEST(Require, PassesWhenOnlyWhatHasASubstituteIsMissing) {
  const std::array rows{kOptional, kRequired};
  EXPECT_TRUE(require(rows).has_value());
}

TEST(Require, NamesTheMissingFeatureItsUseAndTheCure) {
  Feature missing = kRequired;
  missing.present = false;
  const std::array rows{kOptional, missing};
  const auto outcome = require(rows);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, ErrorCode::unsupported);
  EXPECT_EQ(outcome.error().message,
            "this kernel lacks bpf_timer (5.15), which is needed for the end of idle flows");
  EXPECT_NE(outcome.error().hint.find("Linux 6.1 or newer"), std::string::npos);
}

} // namespace
} // namespace ebpfnet::loader
