// SPDX-License-Identifier: MPL-2.0
// Whether the machine is what everything else relies on: registers as they are read back, the trap
// path, interrupts, and what a page table means to the CPU. Each CPU is asked.
#pragma once

#include "baremetal/x86_64/layout.h"

namespace bare {

// Says what does not hold on the serial line, and how much does. The faults.
u32 check_machine() noexcept;

}  // namespace bare
