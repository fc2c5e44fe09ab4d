// SPDX-License-Identifier: MPL-2.0
// Broken invariants are found where they are cheap to see, in every build.
#pragma once

#include "impl/base/panic.h"

// Ends the machine unless `condition` holds. `law` is the id that would be broken: "INV-18".
#define MM_ASSERT(P, law, condition)                      \
  do {                                                    \
    if (!(condition)) [[unlikely]] {                      \
      P::panic(::mm::Panic::broken, law ": " #condition); \
    }                                                     \
  } while (false)
