// SPDX-License-Identifier: MPL-2.0
// Smaller traces: the only shrinker of the house. Because every trace is valid, shrinking is only
// removal and replacement; nothing ever needs repair.
//
// Every trace it takes is simpler than the one before, in the order of check/simpler.h; so it ends,
// and where it ends depends little on where it began. Phases:
//
//   truncate   behind the step that diverged, if it is known
//   delete     calls in groups, from the back, as group testing does: a group that can go goes
//              whole; one that cannot is halved until a call is known to be needed
//   edit       what check/edits.h lists, tier by tier, cheap and promising ones first; after a
//              success, on from there; until a whole round has changed nothing
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>

#include "check/edits.h"

namespace check {

// A trace that fails, and where the search for a smaller one stands. A value: a copy goes on where
// the original does.
class Shrinker {
 public:
  explicit Shrinker(trace::Trace failing, std::optional<std::size_t> failing_step = std::nullopt);

  trace::Trace trace;

  // The next smaller trace to try, standing where one stands if it fails too; none when done.
  // Afterwards *this stands where one stands if it does not.
  std::optional<Shrinker> next();

 private:
  enum class Phase : std::uint8_t { truncate, remove, edit, done };

  std::optional<Shrinker> truncated();
  std::optional<Shrinker> without_group();
  std::optional<Shrinker> edited();
  void begin_sweep();

  Phase phase_ = Phase::truncate;
  bool has_changed_ = false;  // In this sweep, or in this round of edits.
  std::optional<std::size_t> failing_step_;

  std::size_t end_ = 0;      // Calls from here on have been tried.
  std::size_t stride_ = 1;   // How many to remove at once.
  std::size_t suspect_ = 0;  // If not 0: this many calls before `end_` could not all be removed.

  std::size_t tier_ = 0;
  std::size_t at_ = 0;                                   // The next edit of this tier.
  std::shared_ptr<const std::vector<Edit>> edits_ = {};  // Of this tier; null: to be listed.
};

// How much a search may cost. The default is enough for everything short and sequential.
struct Budget {
  std::size_t tries = 20'000;
};

// Of lanes at once, where one try is some hundred schedules.
inline constexpr Budget kBudgetAtOnce{.tries = 4'000};

struct Shrunk {
  trace::Trace trace{};
  std::size_t tries = 0;  // How often `fails` was asked.
};

// A number for a trace, its schedule included.
std::uint64_t hash_of(const trace::Trace& trace);

// The simplest trace found for which `fails` still holds. `bool fails(trace::Trace& candidate)` may
// replace the candidate's schedule by the one with which it failed. `failing_step` is the call at
// which `failing` diverged, if that is known. No trace is tried twice.
template <class Fails>
Shrunk shrink(trace::Trace failing, Fails&& fails, Budget budget = {},
              std::optional<std::size_t> failing_step = std::nullopt) {
  Shrinker best(std::move(failing), failing_step);
  std::unordered_set<std::uint64_t> tried{hash_of(best.trace)};
  std::size_t tries = 0;
  while (tries < budget.tries) {
    std::optional<Shrinker> smaller = best.next();
    if (!smaller) break;
    if (!tried.insert(hash_of(smaller->trace)).second) continue;
    ++tries;
    if (fails(smaller->trace) && is_simpler(smaller->trace, best.trace)) best = std::move(*smaller);
  }
  return {std::move(best.trace), tries};
}

}  // namespace check
