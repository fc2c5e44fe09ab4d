// SPDX-License-Identifier: MPL-2.0
// A counterexample, with all that was found out about it. JSON and text show it; nothing else is
// ever looked up.
#pragma once

#include "check/verdict.h"

namespace check {

struct Report {
  std::string system{};    // "mm on hosted"
  std::string property{};  // The one that failed: "frames agree".
  std::uint64_t seed = 0;

  trace::Trace trace{};  // The shrunk one, with its schedule if lanes went at once.
  struct {
    std::size_t from_ops = 0, to_ops = 0, tries = 0;
  } shrunk{};

  Divergence diverged{};
  std::string sentence{};     // Of the law cited.
  std::vector<Step> steps{};  // Those of the trace that were asked, in the order in which they
                              // began; `expected` is empty (status declined) where lanes at once
                              // leave no single expectation.
};

// Lanes at once leave no single expectation of an answer: then `expected` says nothing but that it
// is declined, and what was seen is something else.
inline bool is_expectation_open(const Step& step) {
  return step.expected == trace::Answer{{.status = trace::Status::declined}, {}} &&
         step.seen != step.expected;
}

}  // namespace check
