// SPDX-License-Identifier: MPL-2.0
// What the shrinker tries once nothing more can simply be removed: small changes of a trace, listed
// in tiers.
#pragma once

#include <functional>
#include <vector>

#include "check/simpler.h"

namespace check {

using Edit = std::function<void(trace::Trace&)>;

inline constexpr std::size_t kTiers = 7;

// The edits of a tier that suit a trace. Some may make it no simpler, or change nothing: whoever
// applies them looks (is_simpler).
std::vector<Edit> edits_of(const trace::Trace& trace, std::size_t tier);

// Removes calls [first, last). A schedule's places move with the operations that they name; those
// in a removed operation move to the beginning of the next of its lane.
void remove_calls(trace::Trace& trace, std::size_t first, std::size_t last);

}  // namespace check
