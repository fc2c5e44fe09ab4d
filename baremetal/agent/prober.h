// SPDX-License-Identifier: MPL-2.0
// This CPU, asked with no memory manager about (probes.h): tables and pages are the agent's own.
#pragma once

#include "baremetal/agent/probes.h"

namespace bare {

// One question after another. Whatever the CPU had learned before, it forgets.
void answer(Probes& probes) noexcept;

}  // namespace bare
