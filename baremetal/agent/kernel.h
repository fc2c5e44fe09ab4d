// SPDX-License-Identifier: MPL-2.0
// What a kernel does with mm on this machine, once: from the loader's memory map to metadata of all
// RAM, from the boot page table to its own on every CPU, and on to areas and users' spaces. What
// comes of each step is looked at by what the CPUs do, and by what the tables' bytes say.
#pragma once

#include "baremetal/boot/memory_map.h"

namespace bare {

// To be done by the first CPU, once: the table that the image began with is dismissed. Says on the
// serial line what each step looked at, and what does not hold. The faults.
u32 check_kernel(const MemoryMap& map) noexcept;

}  // namespace bare
