// SPDX-License-Identifier: MPL-2.0
// The sum of a page's bytes, eight at a time: it is asked for often.
#pragma once

#include "impl/frame/meta.h"

namespace check {

inline mm::u64 sum_of(mm::PageBytes bytes) {
  constexpr mm::u64 kBytes = 0x00ff'00ff'00ff'00ff, kPairs = 0x0000'ffff'0000'ffff;
  constexpr mm::usize kWords = 64;  // So many do not overflow 16 bits for two bytes of each.
  mm::u64 sum = 0;
  for (const mm::u8* at = bytes.data(); at != bytes.data() + bytes.size();) {
    mm::u64 four = 0;  // Sums of 16 bits each.
    for (mm::usize i = 0; i < kWords; ++i, at += sizeof(mm::u64)) {
      mm::u64 word = 0;
      __builtin_memcpy(&word, at, sizeof word);
      four += (word & kBytes) + (word >> 8 & kBytes);
    }
    const mm::u64 two = (four & kPairs) + (four >> 16 & kPairs);
    sum += (two & 0xffff'ffff) + (two >> 32);
  }
  return sum;
}

}  // namespace check
