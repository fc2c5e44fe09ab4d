// SPDX-License-Identifier: MPL-2.0
// What a CPU may have learned of where addresses lead: every access was written down here. A CPU
// that never walks by itself (TCG) knows nothing else; and what it was made to forget it may still
// know, if somebody has forgotten to make it.
#pragma once

#include <algorithm>
#include <array>

#include "baremetal/x86_64/walk.h"

namespace bare {

struct Translation {
  u64 page = 0;  // Of 4 KiB, whatever size the entry has: the address of its first byte,
  u64 to = 0;    // and where that leads.
  u8 level = 1;  // Of the entry.
  u8 mode = 0;   // See mode_of().
  Rights rights{};
  bool is_dirty = false;
  bool is_global = false;
  bool is_watched = false;  // See X86_64::watch().
  bool is_kept = false;     // It was not flushed.

  bool is_of(u64 at) const noexcept { return page == page_of(at); }
  // Whether an address lies in the page that the entry maps.
  bool spans(u64 at) const noexcept { return (page ^ at) < span_of(level); }
  // Whether the CPU would notice a difference.
  bool means_the_same(const Translation& now) const noexcept {
    return to - (page & (span_of(level) - 1)) == now.to - (now.page & (span_of(now.level) - 1)) &&
           level == now.level && rights == now.rights && (!is_dirty || now.is_dirty);
  }
};

class Learned {
 public:
  auto begin() noexcept { return all_.begin(); }
  auto end() noexcept { return all_.begin() + count_; }
  void clear() noexcept { count_ = 0; }
  bool is_full() const noexcept { return count_ == kMost; }

  // Requires that it is not full. Of the same page in the same mode only this is kept.
  void add(const Translation& one) noexcept {
    for (Translation& old : *this) {
      if (old.page != one.page || old.mode != one.mode) continue;
      if (old.to == one.to) {
        old = one;
        return;
      }
      old.is_kept = false;
    }
    all_[count_++] = one;
  }
  void forget_if(auto&& which) noexcept {
    for (Translation& one : *this) one.is_kept = one.is_kept && !which(one);
  }
  void forget_all_but_global() noexcept {
    forget_if([](const Translation& one) { return !one.is_global; });
  }

 private:
  static constexpr usize kMost = 128;
  std::array<Translation, kMost> all_;
  usize count_;
};

}  // namespace bare
