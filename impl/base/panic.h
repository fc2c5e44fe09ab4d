// SPDX-License-Identifier: MPL-2.0
// Why the machine may be ended. A panic never unwinds: no destructor runs, nothing is caught.
//
// A documented panic is raised before the operation has changed anything, taken a lock, disabled
// interrupts, or moved from an operand; so whoever gets control instead of halting (only tests do)
// finds a state that still makes sense. After a broken invariant there is no such promise.
#pragma once

#include "impl/base/types.h"

namespace mm {

enum class Panic : u8 {
  none,
  last_handle,     // Documented: drop() of the last dynamic handle of a page that keeps it.
  count_overflow,  // Broken: POST-2, POST-3.
  broken,          // Any other; see MM_ASSERT.
};

constexpr bool is_documented(Panic code) { return code == Panic::last_handle; }

}  // namespace mm
