// SPDX-License-Identifier: MPL-2.0
// Which planted bug is switched on. Only the copy of the source made by plant.py asks.
#pragma once

#include <type_traits>

namespace zoo {

inline int planted = 0;  // By number, from 1; 0: none.

// What the compiler evaluates has no bugs.
constexpr bool on(int number) noexcept {
  return !std::is_constant_evaluated() && planted == number;
}

}  // namespace zoo
