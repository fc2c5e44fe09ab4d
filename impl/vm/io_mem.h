// SPDX-License-Identifier: MPL-2.0
// Memory of devices in a user's address space, and which was ever mapped there (C.10).
#pragma once

#include <span>

#include "impl/addr/range.h"
#include "impl/vm/space.h"

namespace mm {

// A physical range that is a device's: whole pages, and no memory (INV-8).
class IoMem {
 public:
  // None if the range is not such. Memory that the firmware keeps for itself is none either: its
  // pages have slots, and may be in use (BUG-42).
  template <Platform P>
  static std::optional<IoMem> of(PhysRange range) noexcept {
    constexpr u64 kEnd = u64{1} << 52;  // No entry leads beyond.
    const bool is_whole = (range.begin | range.end) % kPageSize == 0;
    const bool is_outside = range.begin >= P::globals().max_paddr() && range.end <= kEnd;
    if (range.is_empty() || !is_whole || !is_outside) return std::nullopt;
    return IoMem(range);
  }

  PhysRange range() const noexcept { return range_; }
  u64 size() const noexcept { return range_.bytes(); }
  bool operator==(const IoMem&) const = default;

 private:
  friend class IoMems;
  constexpr IoMem() noexcept = default;
  explicit IoMem(PhysRange range) noexcept : range_(range) {}

  PhysRange range_{};
};

// Those that were mapped into one space: each once, and for as long as the list is kept, unmapped
// or not. Its owner sees to it that nobody else uses it meanwhile.
class IoMems {
 public:
  static constexpr usize kMost = 32;

  struct Found {
    IoMem io;
    u64 offset;  // Of the address, in it.
  };
  // Which has this address.
  std::optional<Found> find_by_paddr(PhysAddr at) const noexcept {
    for (const IoMem& io : all()) {
      if (io.range().begin <= at.value && at.value < io.range().end) {
        return Found{io, at.value - io.range().begin};
      }
    }
    return std::nullopt;
  }

  std::span<const IoMem> all() const noexcept { return std::span(some_).first(count_); }

  bool has(const IoMem& io) const noexcept {
    for (const IoMem& one : all()) {
      if (one == io) return true;
    }
    return false;
  }
  bool has_room_for(const IoMem& io) const noexcept { return count_ < kMost || has(io); }
  // Requires that there is room.
  void add(const IoMem& io) noexcept {
    if (!has(io)) some_[count_++] = io;
  }

 private:
  std::array<IoMem, kMost> some_{};
  usize count_ = 0;
};

// Maps `len` bytes of a device's memory from `offset` on, or what there is of them, at the cursor's
// address, and remembers it; behind its end there is nothing to do. None, and nothing has happened,
// if no more can be remembered. Panics: bad_length; and as map_range().
template <Platform P>
std::optional<Progress> map_iomem(SpaceCursorMut<P>& cursor, IoMems& mapped, const IoMem& io,
                                  PageProperty property, u64 len, u64 offset) noexcept {
  if ((len | offset) % kPageSize != 0) [[unlikely]]
    P::panic(Panic::bad_length, "C.10: not whole pages of a device's memory");
  if (offset >= io.size()) return Progress{};
  if (!mapped.has_room_for(io)) return std::nullopt;
  const Progress run =
      cursor.map_range({io.range().begin + offset}, std::min(len, io.size() - offset), property);
  mapped.add(io);
  return run;
}

}  // namespace mm
