// SPDX-License-Identifier: MPL-2.0
// What must be true, as a list: each property is a sentence, traces that could show it false, and a
// judge. Tests, the `check` verb, the zoo and the rates all walk this list.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "check/run.h"
#include "props/gen/make.h"

namespace props {

// Why a trace that was not seen to fail for good was not seen to agree either.
enum class Doubt : std::uint8_t {
  none,
  undecided,    // Of lanes at once: the search for an order of phases was given up.
  unconfirmed,  // It failed, and did not in the same way on a machine built from nothing.
};

// What came of a trace.
struct Judged {
  std::optional<check::Divergence> diverged{};
  std::vector<check::Step> steps{};  // Those that were asked; all of them if thoroughly judged.
  Doubt doubt = Doubt::none;         // Only if it has not diverged.

  bool agreed() const { return !diverged && doubt == Doubt::none; }
};

// Whether a trace shows the property false. Lanes at once are tried under a few schedules, the
// trace's own first if it has one; the schedule that failed is left in the trace.
using Judge = Judged (*)(trace::Trace& trace, check::How how);

// One more oracle, of the whole process, asked after every schedule: for sanitizers. Null: none.
inline bool (*other_oracle)() = nullptr;

struct Property {
  const char* name;      // "frames agree"
  const char* sentence;  // What it asserts.
  Subject subject;
  bool at_once;
  Judge judge;
};

std::span<const Property> properties();
const Property& property(std::string_view name);  // Which there must be.

// Of at most so many operations, among those that could show the property false.
trace::Trace any_trace_of(const Property& property, Dice dice, std::size_t most_ops);

// The trace of a case: the same for the same seed and number, whatever else is run. Sizes grow with
// the number and start over, as RapidCheck's do; `most_ops` is reached at the largest.
trace::Trace trace_of(const Property& property, std::uint64_t seed, std::uint64_t number,
                      std::size_t most_ops);

// The same of a trace that failed before, and is being shrunk: more schedules are worth trying.
Judged judge_again(const Property& property, trace::Trace& trace, check::How how = {});

// How the operations that the property is about can end, and should among many traces.
std::vector<check::Outcome> outcomes_of(const Property& property);

}  // namespace props
