// SPDX-License-Identifier: MPL-2.0
// Flushes that are collected until they are done: up to 31 pages, in the order in which they came.
// What is more becomes one flush of everything, global translations included if the kernel's are
// among those to be forgotten, and stays that until the stack is cleared: so nothing is ever lost,
// and the stack is never full (INV-50).
#pragma once

#include "impl/tlb/flush.h"

namespace mm {

class FlushStack {
 public:
  constexpr FlushStack() noexcept : nothing_{} {}
  // Only what there is: mostly nothing.
  FlushStack(const FlushStack& other) noexcept : nothing_{} { *this = other; }
  FlushStack& operator=(const FlushStack& other) noexcept {
    pages_ = other.pages_;
    count_ = other.count_;
    for (u32 i = 0; i < count_; ++i) flushes_[i] = other.flushes_[i];
    return *this;
  }

  constexpr bool is_empty() const noexcept { return pages_ == 0; }
  constexpr bool is_all() const noexcept { return pages_ > Flush::kMostPages; }
  // Of the single flushes together. Requires that it is not all.
  constexpr u32 pages() const noexcept { return pages_; }

  void push(Flush flush) noexcept {
    if (is_all() && !flush.may_be_global()) return;
    if (flush.is_all() || pages_ + flush.count() > Flush::kMostPages) return become_all(flush);
    pages_ += static_cast<u32>(flush.count());
    flushes_[count_++] = flush;
  }
  void push(const FlushStack& others) noexcept {
    if (others.is_all()) return push(others.everything());
    for (u32 i = 0; i < others.count_; ++i) push(others.flushes_[i]);
  }
  void clear() noexcept { pages_ = count_ = 0; }

  // This CPU does them all.
  template <class P>
  void perform() const noexcept {
    if (is_all()) return everything().template perform<P>();
    for (u32 i = 0; i < count_; ++i) flushes_[i].perform<P>();
  }

 private:
  static constexpr u32 kAll = Flush::kMostPages + 1, kAllAndGlobal = kAll + 1;

  Flush everything() const noexcept {
    return pages_ == kAllAndGlobal ? Flush::all_and_global() : Flush::all();
  }

  [[gnu::noinline]] void become_all(Flush last) noexcept {
    bool is_global = pages_ == kAllAndGlobal || last.may_be_global();
    for (u32 i = 0; i < count_; ++i) is_global |= flushes_[i].may_be_global();
    pages_ = is_global ? kAllAndGlobal : kAll;
    count_ = 0;
  }

  u32 pages_ = 0;  // Or kAll, kAllAndGlobal: everything.
  u32 count_ = 0;  // Of flushes. Each is of a page at least, so there is always room.
  union {
    u8 nothing_;
    // Uninitialised, so that a cursor is quickly opened.
    Flush flushes_[Flush::kMostPages];  // NOLINT(modernize-avoid-c-arrays)
  };
};

}  // namespace mm
