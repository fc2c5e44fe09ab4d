// SPDX-License-Identifier: MPL-2.0
// Half-open ranges of physical addresses.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "impl/base/types.h"

namespace mm {

struct PhysRange {
  u64 begin = 0;
  u64 end = 0;

  constexpr bool is_empty() const noexcept { return begin >= end; }
  constexpr u64 bytes() const noexcept { return is_empty() ? 0 : end - begin; }
  bool operator==(const PhysRange&) const = default;
};

// What lies in `from` and not in `other`: the part below it and the part above. Either may be
// empty.
constexpr std::array<PhysRange, 2> range_difference(PhysRange from, PhysRange other) noexcept {
  if (other.is_empty()) return {from, PhysRange{}};
  return {PhysRange{from.begin, std::min(from.end, other.begin)},
          PhysRange{std::max(from.begin, other.end), from.end}};
}

// Calls `each` with every part of `from`, upwards, that lies in none of the others.
constexpr void for_each_outside(PhysRange from, std::span<const PhysRange> others,
                                auto&& each) noexcept {
  if (from.is_empty()) return;
  if (others.empty()) return each(from);
  for (const PhysRange& part : range_difference(from, others.front())) {
    for_each_outside(part, others.subspan(1), each);
  }
}

}  // namespace mm
