// SPDX-License-Identifier: MPL-2.0
// A CPU that translates by a test's table must still find the agent: as long as some CPU does, the
// agent's entries are in the root. No test's table has any of its own there, and no operation reads
// them: a table's operations keep to its own entries (A.3), and the bytes of a root are nobody's.
#pragma once

#include "baremetal/x86_64/layout.h"

namespace bare {

// Requires a page of the test machine.
void enter_root(u64 root) noexcept;
void leave_root(u64 root) noexcept;

}  // namespace bare
