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
  last_handle,     // drop() of the last dynamic handle of a page that keeps it.
  empty_range,     // A segment is to be made, or a flush asked for, of no page.
  bad_split,       // A segment is to be split other than between its pages.
  bad_slice,       // A segment has no such part.
  too_large,       // More pages are asked for than addresses can count.
  beyond_end,      // A reader or writer is to skip more bytes than it has.
  misaligned,      // A single access, or a filling, does not fit where it is to be.
  no_early,        // The early allocator has not been started, or has retired.
  bad_address,     // A physical address has bits that no entry of that level can hold.
  bad_cache,       // No entry can say this cache policy.
  bad_property,    // A property has the mark that is the table's own.
  bad_level,       // A page of this size cannot be mapped.
  bad_alignment,   // An address is not a multiple of the size of what is to be there.
  bad_length,      // A length is not a multiple of the page size.
  beyond_barrier,  // A cursor is to go, or to map, beyond the end of its range.
  mapped_huge,     // At boot, a page is to be mapped where a larger one is,
  mapped_already,  // or where one of its size is;
  not_mapped,      // or one is to be changed that is not there.
  // Broken.
  count_overflow,  // POST-2, POST-3.
  broken,          // Any other; see MM_ASSERT.
};

constexpr bool is_documented(Panic code) {
  return Panic::none < code && code < Panic::count_overflow;
}

}  // namespace mm
