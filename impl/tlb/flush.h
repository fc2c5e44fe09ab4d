// SPDX-License-Identifier: MPL-2.0
// One request that a CPU forget translations: of a few pages, one after another, or of everything
// that is not global. A word:
//
//   bit  0..5 how many pages, 1 to 31   6..11 zero   12..63 where the first begins
//   all bits set: everything
#pragma once

#include "impl/addr/address.h"
#include "impl/base/panic.h"

namespace mm {

class Flush {
 public:
  // More are flushed as everything: that costs less than so many single pages.
  static constexpr u64 kMostPages = 31;

  Flush() noexcept = default;  // Means nothing.

  static constexpr Flush all() noexcept { return Flush(kAll); }
  // Addresses go on from 2^64 to 0. Panics: bad_alignment (bits of an address within its page would
  // be taken for a count), then empty_range.
  template <class P>
  static constexpr Flush pages(VirtAddr first, u64 count) noexcept {
    if (first.value % kPageSize != 0) [[unlikely]]
      P::panic(Panic::bad_alignment, "C.11: a flush does not begin at a page");
    if (count == 0) [[unlikely]]
      P::panic(Panic::empty_range, "C.11: a flush of no page");
    return count <= kMostPages ? Flush(first.value | count) : all();
  }

  constexpr bool is_all() const noexcept { return word_ == kAll; }
  // Requires that it is not all, as does the next.
  constexpr u64 count() const noexcept { return word_ & kCount; }
  constexpr VirtAddr first() const noexcept { return {word_ & ~kCount}; }

  // This CPU does it.
  template <class P>
  void perform() const noexcept {
    if (is_all()) return P::flush_all();
    u64 at = first().value;
    for (u64 left = count(); left > 0; --left, at += kPageSize) P::flush_page(VirtAddr{at});
  }

  bool operator==(const Flush&) const = default;

 private:
  static constexpr u64 kAll = ~u64{0}, kCount = 63;
  static_assert(kMostPages < kCount && kCount < kPageSize);

  explicit constexpr Flush(u64 word) noexcept : word_(word) {}

  u64 word_;
};

}  // namespace mm
