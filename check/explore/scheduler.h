// SPDX-License-Identifier: MPL-2.0
// Runs lanes as fibers of one thread, one at a time, so that which goes next is a choice made here.
//
// A lane stops at points: when an operation begins, before every atomic access but an operation's
// first, and when it spins. It goes back to the hub, which asks the chooser and goes on with the
// lane it names. Switches are announced to the sanitizers. To ThreadSanitizer lanes are threads:
// starting and ending them synchronises, moving from one to another does not, so it sees exactly
// the orderings that the lanes asked for.
//
// Outside a run, all that lanes call here does nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "check/explore/chooser.h"
#include "check/linearize.h"

namespace check::explore {

enum class End { finished, deadlock, endless };

class Scheduler {
 public:
  static constexpr std::size_t kMostPoints = 10'000;

  // Runs every lane to its end, lane i as CPU i. After deadlock or endless, lanes were abandoned
  // midway: the machine must be rebuilt.
  static End run(std::span<const std::function<void()>> lanes, Chooser& chooser);

  // Of the last run: what was chosen, and what happened.
  static const std::vector<trace::Choice>& schedule();
  static Log log();

  // What the running lane says of itself:
  static void begin(std::uint32_t op) noexcept;  // It begins its op-th operation,
  static void end() noexcept;                    // and ends it.
  static void point() noexcept;    // It is about to touch, by one access, what others can see.
  static void changed() noexcept;  // By that access it changed it.
  // By that access it would change it, were it not a weak compare-exchange: does it fail?
  static bool fails() noexcept;
  // A compare-exchange failed: it has seen this instead.
  static void refused(std::uint64_t seen) noexcept;
  // It cannot go on until another has moved, or until it has looked at what it was refused with.
  // False if it is no lane: then nobody else will ever move.
  static bool spin() noexcept;
};

}  // namespace check::explore
