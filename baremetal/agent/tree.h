// SPDX-License-Identifier: MPL-2.0
// Where the tree of a table lies in the guest's memory. Freestanding; part of the mailbox.
#pragma once

#include <cstdint>

namespace bare {

struct Tree {
  std::uint64_t root = 0;             // The physical address of its root.
  std::uint64_t levels = 0;           // 0: there is no such table.
  std::uint64_t begin = 0, last = 0;  // The virtual addresses that are its own, both included.
};

}  // namespace bare
