// SPDX-License-Identifier: MPL-2.0
// Copies of spaces.
#include "reference/model.h"

namespace reference {

bool allows(const State&, Lane, const trace::SpaceFork&) { return false; }

Answer step(State&, Lane, const trace::SpaceFork&, const Answer&) { return {}; }

}  // namespace reference
