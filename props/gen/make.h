// SPDX-License-Identifier: MPL-2.0
// Whole traces, each from one random number: operations that go alone, and lanes at once.
#pragma once

#include "props/gen/taste.h"

namespace props {

// At most `most_ops` operations, one after another.
trace::Trace any_trace(Dice dice, const Subject& subject, std::size_t most_ops);

// Lanes at once, few and short, on the smallest machines: the operations of each lane are drawn as
// if lanes took turns, so that most of what they ask is allowed.
trace::Trace any_at_once(Dice dice, const Subject& subject, std::size_t most_ops);

// The same over page tables: after a prologue that maps something, what each lane asks is drawn as
// if it went next, or after a lane before it.
trace::Trace any_at_once_over_tables(Dice dice, const Subject& subject, std::size_t most_ops);

// Pages of one table that CPUs touch, that are changed then, and touched again at once. Never less
// than that takes.
trace::Trace any_touched(Dice dice, const Subject& subject, std::size_t most_ops);

// Whether what lanes ask at once can be judged: no more than the subject has, and of pages none
// that the allocator may have. What those look like while a table is made of one is no phase of its
// own.
bool can_go_over_tables(const trace::Trace& trace, const Subject& subject);

}  // namespace props
