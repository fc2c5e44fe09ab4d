// SPDX-License-Identifier: MPL-2.0
// What a walk permits, and leaves behind in the entries that it went by.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "reference/tables.h"

namespace reference {

// What an entry says of rights. As it is here, it permits everything, as mm's tables do.
struct EntryRights {
  bool present = true;
  bool writable = true;
  bool user = true;
  bool executable = true;  // Its bit 63 is clear.
  bool operator==(const EntryRights&) const = default;
};

struct Access {
  trace::AccessName name{};
  bool as_user = false;  // From ring 3.
  bool ac = false;       // EFLAGS.AC.
  bool operator==(const Access&) const = default;
};

// A processor may mark entries before it faults. Here a fault marks none.
struct Passage {
  std::optional<std::uint64_t> error{};  // Of a page fault; none: the access is permitted.
  bool accessed = false;                 // Whether every entry is marked accessed. Else none is.
  bool dirty = false;                    // Whether the leaf is marked dirty.
  bool operator==(const Passage&) const = default;
};

// An access by the entries from the root's to the leaf.
Passage pass(std::span<const EntryRights> way, const Access& access, const Controls& controls);

}  // namespace reference
