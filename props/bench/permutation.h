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

// A permutation of the numbers below 2^26: pages, at random in 256 GiB.
constexpr u64 rvpn(u64 i) {
  constexpr u64 kMask = (u64{1} << 26) - 1;
  u64 v = (i * 0x2545F491 + 0x1234567) & kMask;
  v ^= v >> 13;
  v = (v * 0x9E3779B1) & kMask;
  return v ^ v >> 15;
}
static_assert(rvpn(0) == 23'721'406 && rvpn(1) == 32'190'135 && rvpn(2) == 4'151'438 &&
              rvpn(3) == 4'979'284);

// How many parts, each of 2^bits pages, the first `count` of them lie in.
inline u64 distinct(u64 count, u32 bits) {
  std::vector<bool> is_there((u64{1} << 26) >> bits);
  u64 parts = 0;
  for (u64 i = 0; i < count; ++i) {
    auto there = is_there[rvpn(i) >> bits];
    parts += there ? 0 : 1;
    there = true;
  }
  return parts;
}

// Whether rvpn is what the peers used, by its published check sums.
inline bool is_rvpn_right() {
  u64 sum = 0, products = 0;
  for (u64 i = 0; i < kPermuted; ++i) {
    sum += rvpn(i);
    products += i * rvpn(i);
  }
  return sum == 8'797'766'954'055 && products == 1'152'951'174'040'390'205 &&
         distinct(kPermuted, 9) == 112'850 && distinct(kPermuted, 18) == 256;
}

}  // namespace bench
