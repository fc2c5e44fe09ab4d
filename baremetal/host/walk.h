// SPDX-License-Identifier: MPL-2.0
// What a CPU would make of a tree of tables in the guest's memory, read by the host itself, by the
// rules of the SDM (vol. 3A, 4.5) and by nothing that the guest says of its entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "baremetal/agent/tree.h"

namespace bare {

// One page, as all entries on the way to it together allow it.
struct Translation {
  std::uint64_t at = 0;     // The virtual address where it begins,
  std::uint64_t bytes = 0;  // its size,
  std::uint64_t to = 0;     // and where it leads.
  bool writable = true, user = true, executable = true;

  bool operator==(const Translation&) const = default;
};

// All pages of the tree's own addresses that overlap [begin, last] and are present, upwards. What
// lies outside of `ram` is absent. EFER.NXE is taken as set.
std::vector<Translation> translations(std::span<const std::byte> ram, const Tree& tree,
                                      std::uint64_t begin, std::uint64_t last);

}  // namespace bare
