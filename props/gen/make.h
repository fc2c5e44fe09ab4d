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

}  // namespace props
