// SPDX-License-Identifier: MPL-2.0
// One request that a CPU forget translations: of a few pages, one after another; or of everything,
// but for global ones if it is not the kernel's own that are to be forgotten. A word:
//
//   bit  0..5 how many pages, 1 to 31   6 whether they are the kernel's   7..11 zero
//   bit  12..63 where the first begins
//   bits 0..5 all set: everything; bit 6 whether global translations, too
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
  static constexpr Flush all_and_global() noexcept { return Flush(kAll | kGlobal); }
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
  // The same of the kernel's, whose translations are global: what becomes of more pages covers
  // these, too.
  template <class P>
  static constexpr Flush kernel_pages(VirtAddr first, u64 count) noexcept {
    const u64 word = pages<P>(first, count).word_;
    return Flush(word | kGlobal);
  }

  constexpr bool is_all() const noexcept { return (word_ & kCount) == kAll; }
  // Whether global translations may be among those that are to be forgotten.
  constexpr bool may_be_global() const noexcept { return (word_ & kGlobal) != 0; }
  // Requires that it is not all, as does the next.
  constexpr u64 count() const noexcept { return word_ & kCount; }
  constexpr VirtAddr first() const noexcept { return {word_ & ~(kCount | kGlobal)}; }

  // This CPU does it.
  template <class P>
  void perform() const noexcept {
    if (is_all()) return may_be_global() ? P::flush_all_and_global() : P::flush_all();
    u64 at = first().value;
    for (u64 left = count(); left > 0; --left, at += kPageSize) P::flush_page(VirtAddr{at});
  }

  bool operator==(const Flush&) const = default;

 private:
  static constexpr u64 kCount = 63, kAll = kCount, kGlobal = 64;
  static_assert(kMostPages < kCount && (kCount | kGlobal) < kPageSize);

  explicit constexpr Flush(u64 word) noexcept : word_(word) {}

  u64 word_;
};

}  // namespace mm
