// SPDX-License-Identifier: MPL-2.0
// What a CPU does when it touches memory (cpu.cpp): for itself, or where the kernel copies for a
// program.
#pragma once

#include "reference/passage.h"
#include "reference/state.h"
#include "trace/reply.h"

namespace reference {

struct Touch {
  std::uint64_t address = 0;
  Access how{};
};

// Answers as cpu_touch does: believes that the CPU has walked, or used what it may have kept, if it
// was seen to.
trace::Answer touch_at(State&, Lane, const Touch&, const trace::Answer& seen);

}  // namespace reference
