// SPDX-License-Identifier: MPL-2.0
// What is found when a system and the model are asked the same: the words that runs, shrinking and
// reports share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trace/fact.h"
#include "trace/trace.h"

namespace check {

using Facts = std::vector<trace::Fact>;  // Sorted.

// The oracle that saw the difference. Its name is what zoo entries and reports cite.
enum class Oracle : std::uint8_t {
  answer,    // A reply, a result or a choice of the allocator is not what the model insists on.
  facts,     // A page that the operation may change is not as the model has it.
  digest,    // A page that the operation may not change has changed.
  state,     // The whole states differ, though no step alone showed it.
  law,       // The reference itself broke an invariant or a postcondition.
  no_order,  // Lanes at once: no order of phases explains what was seen.
  deadlock,  // Lanes at once: all wait for each other.
  endless,   // Lanes at once: they pass the limit of points.
};
inline constexpr std::array kOracleNames = {"answer", "facts",    "digest",   "state",
                                            "law",    "no_order", "deadlock", "endless"};

// One operation with what both sides said to it.
struct Step {
  trace::Call call;
  trace::Answer expected;
  trace::Answer seen;
};

struct Divergence {
  Oracle oracle = Oracle::answer;
  std::size_t step = 0;  // Index into the calls of the trace.
  std::string law;       // The id it bears on: "INV-13".
  Facts missing{};       // Expected, and not seen;
  Facts unexpected{};    // seen, and not expected.
  std::string said{};    // By a system that has ended, and not with an answer.
};

}  // namespace check
