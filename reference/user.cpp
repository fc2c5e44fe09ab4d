// SPDX-License-Identifier: MPL-2.0
// Users' memory, as the kernel reaches it.
#include "reference/model.h"

namespace reference {

bool allows(const State&, Lane, const trace::UserRead&) { return false; }

Answer step(State&, Lane, const trace::UserRead&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::UserWrite&) { return false; }

Answer step(State&, Lane, const trace::UserWrite&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::UserLoad&) { return false; }

Answer step(State&, Lane, const trace::UserLoad&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::UserExchange&) { return false; }

Answer step(State&, Lane, const trace::UserExchange&, const Answer&) { return {}; }

}  // namespace reference
