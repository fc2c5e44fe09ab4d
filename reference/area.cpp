// SPDX-License-Identifier: MPL-2.0
// Areas: ranges of the kernel's addresses.
#include "reference/model.h"

namespace reference {

bool allows(const State&, Lane, const trace::AreaMapFrames&) { return false; }

Answer step(State&, Lane, const trace::AreaMapFrames&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::AreaMapRange&) { return false; }

Answer step(State&, Lane, const trace::AreaMapRange&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::AreaQuery&) { return false; }

Answer step(State&, Lane, const trace::AreaQuery&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::AreaSplit&) { return false; }

Answer step(State&, Lane, const trace::AreaSplit&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::AreaDrop&) { return false; }

Answer step(State&, Lane, const trace::AreaDrop&, const Answer&) { return {}; }

}  // namespace reference
