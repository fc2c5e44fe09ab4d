// SPDX-License-Identifier: MPL-2.0
// How a CPU accesses memory, whoever has it do so (cpu.cpp).
#pragma once

#include "reference/state.h"
#include "trace/reply.h"

namespace reference {

struct Touch {
  std::uint64_t address = 0;
  trace::AccessName access{};
  bool as_user = false;  // Whether from ring 3.
  bool ac = false;       // EFLAGS.AC.
};

// What the lane's CPU, which translates by a table, finds there: as cpu_touch answers.
trace::Answer touch_at(State&, Lane, const Touch&, const trace::Answer& seen);

}  // namespace reference
