// SPDX-License-Identifier: MPL-2.0
// Hands out pages at boot, before there is metadata: from one range of memory, and from a second
// when the first has no room, each from its low end up. Nothing is ever given back.
//
// Used by one CPU, before there are others.
#pragma once

#include <optional>

#include "impl/addr/address.h"
#include "impl/addr/range.h"
#include "impl/base/panic.h"

namespace mm {

template <class P>
class EarlyAllocator {
 public:
  // Starts it. The ranges are aligned to pages and do not overlap; either may be empty.
  void init(PhysRange first, PhysRange second) noexcept {
    parts_ = {Part{first, first.begin}, Part{second, second.begin}};
    is_active_ = true;
  }

  // Adjacent pages, at least one, the first at a multiple of `align`, which is a power of two and
  // at least a page. Panics before init() and after retire().
  std::optional<PhysAddr> alloc(u64 pages, u64 align) noexcept {
    if (!is_active_) P::panic(Panic::no_early, "B.10: there is no early allocator");
    for (Part& part : parts_) {
      if (const std::optional<PhysAddr> at = part.alloc(pages, align)) return at;
    }
    return std::nullopt;
  }

  // Whether it can be asked.
  bool is_active() const noexcept { return is_active_; }

  // What is handed out until now is all there will be.
  void retire() noexcept { is_active_ = false; }

  // What was handed out, with what alignment left between: either may be empty. Known for ever.
  std::array<PhysRange, 2> allocated() const noexcept {
    return {parts_[0].allocated(), parts_[1].allocated()};
  }

 private:
  struct Part {
    PhysRange range{};
    u64 tail = 0;  // All below is handed out.

    // Neither sum nor product here can overflow, whatever is asked for.
    std::optional<PhysAddr> alloc(u64 pages, u64 align) noexcept {
      const u64 gap = -tail & (align - 1);
      const u64 room = range.end - tail;
      if (gap > room || (room - gap) / kPageSize < pages) return std::nullopt;
      const PhysAddr at{tail + gap};
      tail = at.value + pages * kPageSize;
      return at;
    }

    PhysRange allocated() const noexcept { return {range.begin, tail}; }
  };

  std::array<Part, 2> parts_{};
  bool is_active_ = false;
};

}  // namespace mm
