// SPDX-License-Identifier: MPL-2.0
// The random order of the workloads: arithmetic, so that every peer goes the same way.
#pragma once

#include <vector>

#include "impl/base/types.h"

namespace bench {

using mm::u32, mm::u64;

// A permutation of the numbers below 2^18.
inline constexpr u64 kPermuted = u64{1} << 18;
constexpr u64 rperm(u64 i) {
  constexpr u64 kMask = kPermuted - 1;
  u64 v = (i * 0x2545F491 + 0x1234567) & kMask;
  v ^= v >> 9;
  v = (v * 0x9E3779B1) & kMask;
  return v ^ v >> 10;
}
static_assert(rperm(0) == 174'495 && rperm(1) == 61'976 && rperm(2) == 180'494 &&
              rperm(3) == 214'730);

// The numbers below `count`, in the order in which rperm gives them.
inline std::vector<u32> random_order(u64 count) {
  std::vector<u32> order;
  order.reserve(count);
  for (u64 i = 0; i < kPermuted; ++i) {
    if (const u64 one = rperm(i); one < count) order.push_back(static_cast<u32>(one));
  }
  return order;
}

// Whether rperm is the permutation that the peers used, by its published check sum.
inline bool is_rperm_right() {
  u64 sum = 0;
  for (u64 i = 0; i < kPermuted; ++i) sum += i * rperm(i);
  return sum == 4'501'836'149'108'736;
}

}  // namespace bench
