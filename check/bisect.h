// SPDX-License-Identifier: MPL-2.0
// The first of a row of things that is bad.
#pragma once

#include <cstddef>

namespace check {

// An index in (good, bad] that is bad while the one before it is not, in about log2(bad - good)
// questions. If badness lasts once it has come, that is the first. Requires good < bad; neither is
// asked about.
std::size_t first_bad(std::size_t good, std::size_t bad, auto&& is_bad) {
  while (bad - good > 1) {
    const std::size_t middle = good + (bad - good) / 2;
    (is_bad(middle) ? bad : good) = middle;
  }
  return bad;
}

}  // namespace check
