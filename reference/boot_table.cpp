// SPDX-License-Identifier: MPL-2.0
// The page table that the cold machine boots with.
#include "reference/model.h"

namespace reference {

bool allows(const State&, Lane, const trace::BootMapPage&) { return false; }

Answer step(State&, Lane, const trace::BootMapPage&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::BootProtectPage&) { return false; }

Answer step(State&, Lane, const trace::BootProtectPage&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::BootWalk&) { return false; }

Answer step(State&, Lane, const trace::BootWalk&, const Answer&) { return {}; }

bool allows(const State&, Lane, const trace::BootDismiss&) { return false; }

Answer step(State&, Lane, const trace::BootDismiss&, const Answer&) { return {}; }

}  // namespace reference
