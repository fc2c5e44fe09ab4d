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
  // Documented.
  last_handle,  // drop() of the last dynamic handle of a page that keeps it.
  empty_range,  // A segment is to be made of no page.
  bad_split,    // A segment is to be split other than between its pages.
  bad_slice,    // A segment has no such part.
  too_large,    // More pages are asked for than addresses can count.
  beyond_end,   // A reader or writer is to skip more bytes than it has.
  misaligned,   // A single access, or a filling, does not fit where it is to be.
  no_early,     // The early allocator has not been started, or has retired.
  // Broken.
  count_overflow,  // POST-2, POST-3.
  broken,          // Any other; see MM_ASSERT.
};

constexpr bool is_documented(Panic code) {
  return Panic::none < code && code < Panic::count_overflow;
}

}  // namespace mm
