// SPDX-License-Identifier: MPL-2.0
// Which of two traces is the simpler one: the order in which the shrinker goes down.
//
// By number of calls first; then by whether lanes go at once, and how many calls do; by the number
// of CPUs; by the operations, frame_from_unused being the simplest; by the machine's size; by the
// operands, each by its noun; and by the schedule last.
#pragma once

#include <compare>

#include "trace/trace.h"

namespace check {

// By place in a list that begins with the operations everybody knows.
std::size_t rank_of(const trace::Op& op);

bool is_simpler(const trace::Trace& a, const trace::Trace& b);

}  // namespace check
