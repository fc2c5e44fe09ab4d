// SPDX-License-Identifier: MPL-2.0
// What generated traces are worth: nearly all of what they ask is asked, and everything happens.
#include <algorithm>
#include <gtest/gtest.h>

#include "props/properties.h"
#include "trace/text.h"

namespace {

constexpr std::uint64_t kTraces = 3000;
constexpr std::uint64_t kMostTraces = 20'000;  // In which everything that can happen has happened.
constexpr std::size_t kMostOps = 200;

class Generated : public testing::TestWithParam<std::size_t> {
 protected:
  const props::Property& property() const { return props::properties()[GetParam()]; }
};

bool has_seen_all(const check::Tally& tally, const props::Property& property) {
  return std::ranges::all_of(props::outcomes_of(property), [&](const auto& outcome) {
    const auto& [op, status] = outcome;
    return tally.count(op, status) > 0;
  });
}

TEST_P(Generated, OperationsAreNearlyAllAskedAndEndInEveryWay) {
  check::Tally tally;
  // Lanes at once meet rarer things more rarely; the `check` verb asks for those.
  const auto is_enough = [&](std::uint64_t number) {
    return number >= kTraces && (property().at_once || number >= kMostTraces ||
                                 (number % 100 == 0 && has_seen_all(tally, property())));
  };
  for (std::uint64_t number = 0; !is_enough(number); ++number) {
    trace::Trace trace = props::trace_of(property(), 1, number, kMostOps);
    ASSERT_TRUE(property().judge(trace, {.tally = &tally}).agreed()) << trace;
  }
  const auto asked = static_cast<double>(tally.asked());
  EXPECT_GT(asked / (asked + static_cast<double>(tally.passed_over())), 0.95) << property().name;
  if (property().at_once) return;
  for (const auto& [op, status] : props::outcomes_of(property())) {
    EXPECT_GT(tally.count(op, status), 0u)
        << property().name << ": " << trace::name_of(trace::blank_op(op)) << ' '
        << trace::kStatusNames[static_cast<std::size_t>(status)];
  }
}

TEST_P(Generated, CaseIsTheSameWhateverElseWasRun) {
  for (const std::uint64_t number : {7u, 99u, 3u}) {
    const trace::Trace first = props::trace_of(property(), 5, number, kMostOps);
    (void)props::trace_of(property(), 6, number + 1, kMostOps);
    EXPECT_EQ(first, props::trace_of(property(), 5, number, kMostOps));
  }
}

TEST_P(Generated, TraceIsWrittenAsBytesAndReadBack) {
  for (std::uint64_t number = 0; number < 200; ++number) {
    const trace::Trace trace = props::trace_of(property(), 2, number, kMostOps);
    EXPECT_EQ(trace, trace::decode(trace::encode(trace)));
  }
}

TEST(GeneratedTraces, DifferFromSeedToSeedAndFromPropertyToProperty) {
  const auto& one = props::property("frames agree");
  const auto& other = props::property("everything agrees");
  EXPECT_NE(props::trace_of(one, 1, 50, kMostOps), props::trace_of(one, 2, 50, kMostOps));
  EXPECT_NE(props::trace_of(one, 1, 50, kMostOps), props::trace_of(other, 1, 50, kMostOps));
}

INSTANTIATE_TEST_SUITE_P(Properties, Generated,
                         testing::Range(std::size_t{0}, props::properties().size()));

}  // namespace
