// SPDX-License-Identifier: MPL-2.0
// What a kernel does with its table all day: areas, address spaces, programs; on one CPU after
// another, and on all at once.
#pragma once

#include "baremetal/agent/checks.h"
#include "baremetal/agent/kernel_access.h"

namespace bare {

// Requires that every CPU translates by the kernel's table, and is nobody else's.
void check_kernel_use(Checks& checks, const KernelTable& table) noexcept;

}  // namespace bare
