// SPDX-License-Identifier: MPL-2.0
// What a CPU is to forget: some pages, or everything that is not global (C.11).
//
// Up to kMostPages pages are kept one by one, as runs; with one more, or when it is said so, they
// become everything: to walk anew costs less than so many flushes. Nothing that was added is ever
// lost (INV-50).
#pragma once

#include "impl/addr/paging.h"
#include "impl/platform/platform.h"

namespace mm {

class FlushOps {
 public:
  static constexpr u32 kMostPages = 31;

  constexpr FlushOps() noexcept : nothing_{} {}
  constexpr FlushOps(const FlushOps& other) noexcept : FlushOps() { add(other); }
  FlushOps& operator=(const FlushOps&) = delete;

  bool is_empty() const noexcept { return pages_ == 0; }
  bool is_all() const noexcept { return pages_ == kAll; }
  // How many; of all, 0.
  u32 pages() const noexcept { return is_all() ? 0 : pages_; }

  // Requires that `at` is the first byte of a page, and that there are some.
  constexpr void add(VirtAddr at, u64 pages) noexcept {
    if (pages > kMostPages - std::min(pages_, kMostPages)) return add_all();
    ops_[count_++] = at.value | pages;
    pages_ += static_cast<u32>(pages);
  }
  constexpr void add_all() noexcept {
    count_ = 0;
    pages_ = kAll;
  }
  constexpr void add(const FlushOps& other) noexcept {
    if (other.pages_ == kAll) return add_all();
    for (u32 i = 0; i < other.count_; ++i) add(first_of(other.ops_[i]), pages_of(other.ops_[i]));
  }
  void clear() noexcept { count_ = pages_ = 0; }

  // This CPU forgets them. Of global pages, only those that were named.
  template <Platform P>
  void perform() const noexcept {
    if (is_all()) return P::flush_all();
    for (u32 i = 0; i < count_; ++i) {
      const VirtAddr at = first_of(ops_[i]);
      for (u64 page = 0; page < pages_of(ops_[i]); ++page) {
        P::flush_page({at.value + page * kPageSize});
      }
    }
  }

 private:
  static constexpr u32 kAll = ~u32{0};
  // A run is the address of its first page, and how many they are in the bits within that page.
  static_assert(kMostPages < kPageSize);
  static constexpr VirtAddr first_of(u64 op) noexcept { return {op & ~(kPageSize - 1)}; }
  static constexpr u64 pages_of(u64 op) noexcept { return op & (kPageSize - 1); }

  u32 count_ = 0;  // Of runs.
  u32 pages_ = 0;  // In all of them.
  union {
    u8 nothing_;
    // Uninitialised: a cursor that changes nothing pays nothing.
    u64 ops_[kMostPages];  // NOLINT(modernize-avoid-c-arrays)
  };
};

}  // namespace mm
