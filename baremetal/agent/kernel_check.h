// SPDX-License-Identifier: MPL-2.0
// mm as the kernel of this machine, from the loader's memory map to a program: whether what it has
// made is so, the CPUs say.
#pragma once

#include "baremetal/boot/memory_map.h"

namespace bare {

// Once, instead of all else: in the end the tables are gone that the image was started with. Says
// what does not hold on the serial line, and how much does. The faults.
u32 check_kernel(const MemoryMap& map) noexcept;

}  // namespace bare
