// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on a machine that boots are written: what the early allocator has.
#pragma once

#include "reference/conditions.h"

namespace reference {

// The lowest place in a supply, tried page by page; nothing if there is none.
inline std::optional<std::uint64_t> place_in(const Supply& supply, std::uint64_t pages,
                                             std::uint64_t align) {
  for (std::uint64_t at = supply.tail; at < supply.end; at += kPageBytes) {
    if (at % align == 0 && pages <= (supply.end - at) / kPageBytes) return at;
  }
  return std::nullopt;
}

// Takes the place in the first supply that has one, and all that is before it there.
inline std::optional<std::uint64_t> take_first_place(Cold& cold, std::uint64_t pages,
                                                     std::uint64_t align) {
  for (Supply& supply : cold.supplies) {
    if (const auto at = place_in(supply, pages, align)) {
      supply.tail = *at + pages * kPageBytes;
      return at;
    }
  }
  return std::nullopt;
}

inline bool is_spent(const Cold& cold, std::uint64_t page) {
  return std::ranges::any_of(cold.supplies, [&](const Supply& supply) {
    return supply.begin <= page && page < supply.tail;
  });
}

}  // namespace reference
