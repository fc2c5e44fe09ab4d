// SPDX-License-Identifier: MPL-2.0
// What a table maps: its items. A tracked item is a frame, and the entry that maps it holds a count
// of it; an untracked one is a place in memory that nobody counts.
//
// Which it is, an entry says by the bit AVAIL1, and each table in its own sense (A.7). The mark is
// put on the way in, and taken off on the way out: no property that a client sees has it (BUG-34,
// BUG-54), and none that a client gives may.
#pragma once

#include <concepts>
#include <optional>

#include "impl/addr/paging.h"
#include "impl/addr/property.h"
#include "impl/frame/frame.h"

namespace mm {

// An item as its entry has it: the mark is in the property, and the count is the entry's.
struct RawItem {
  PhysAddr at;
  u8 level = 1;  // Of the table that maps it: its size is page_size(level).
  PageProperty property;
  bool operator==(const RawItem&) const = default;
};

// What AVAIL1 means.
enum class Mark : u8 { tracked, untracked };

template <Platform P, class M>
struct MappedItem {
  Frame<P, M> frame;  // Holds nothing if the item is untracked.
  PhysAddr at;        // The frame's, if it is tracked.
  u8 level = 1;       // Of a tracked item always 1.
  PageProperty property;

  static MappedItem tracked(Frame<P, M>&& frame, PageProperty property) noexcept {
    const PhysAddr at = frame.start_paddr();
    return {.frame = std::move(frame), .at = at, .level = 1, .property = property};
  }
  static MappedItem untracked(PhysAddr at, u8 level, PageProperty property) noexcept {
    return {.frame = {}, .at = at, .level = level, .property = property};
  }

  bool is_tracked() const noexcept { return static_cast<bool>(frame); }

  friend bool holds_frame(const MappedItem& item) noexcept { return item.is_tracked(); }
  friend Frame<P> held_frame(MappedItem&& item) noexcept {
    if constexpr (std::same_as<M, Dyn>) {
      return std::move(item.frame);
    } else {
      return Frame<P>(std::move(item.frame));
    }
  }
};

// A view of an item that is mapped, as long as it is.
template <Platform P, class M>
struct MappedItemRef {
  PhysAddr at;
  u8 level = 1;
  PageProperty property;
  bool is_tracked = false;

  // Requires that it is tracked.
  FrameRef<P, M> frame() const noexcept { return FrameRef<P, M>::borrow_paddr(at); }

  // An item more, like this one: of a tracked one a count more, of an untracked one none.
  MappedItem<P, M> to_owned() const noexcept {
    if (!is_tracked) return MappedItem<P, M>::untracked(at, level, property);
    return MappedItem<P, M>::tracked(frame().to_owned(), property);
  }
};

// Items of which some are tracked: the frames that a Frame<P, M> may hold.
template <Platform P, class M, Mark kMark>
struct TrackedItems {
  using Item = MappedItem<P, M>;
  using ItemRef = MappedItemRef<P, M>;
  using Tracked = M;

  // Whether an entry of level 1, by its mark, holds a count. No larger one does.
  static constexpr bool kMayOwn = true;
  static constexpr bool owns(bool has_mark) noexcept {
    return has_mark == (kMark == Mark::tracked);
  }

  // Whether a client may give this property: the mark is not its to give.
  static constexpr bool is_allowed(PageProperty property) noexcept { return !has_mark(property); }
  static constexpr PageProperty without_mark(PageProperty property) noexcept {
    property.privileged.bits &= static_cast<u8>(~PrivilegedPageFlags::kAvail1);
    return property;
  }
  static constexpr PageProperty with_mark(PageProperty property, bool is_tracked) noexcept {
    if (owns(/*has_mark=*/true) == is_tracked) {
      property.privileged.bits |= PrivilegedPageFlags::kAvail1;
    }
    return property;
  }

  // Whether whoever knows nothing of the page may drop its last handle, as is done when a table
  // goes (deferred.h). Of what users may write that is so.
  static bool can_be_given_up(const MetaSlot<P>& slot) noexcept {
    return !std::same_as<M, Dyn> || !slot.vtable()->keeps_last_handle;
  }

  static RawItem raw_info(const Item& item) noexcept {
    return {item.at, item.level, with_mark(item.property, item.is_tracked())};
  }
  // The count goes to whoever keeps the raw item; and back.
  static RawItem into_raw(Item&& item) noexcept {
    const RawItem raw = raw_info(item);
    if (item.is_tracked()) (void)std::move(item.frame).into_raw();
    return raw;
  }
  static Item from_raw(const RawItem& raw) noexcept {
    if (!owns(has_mark(raw.property))) {
      return Item::untracked(raw.at, raw.level, without_mark(raw.property));
    }
    MM_ASSERT(P, "INV-27", raw.level == 1);
    return Item::tracked(Frame<P, M>::from_raw(raw.at), without_mark(raw.property));
  }
  // Does not touch the count.
  static ItemRef ref_from_raw(const RawItem& raw) noexcept {
    return {raw.at, raw.level, without_mark(raw.property), owns(has_mark(raw.property))};
  }

 private:
  static constexpr bool has_mark(PageProperty property) noexcept {
    return (property.privileged.bits & PrivilegedPageFlags::kAvail1) != 0;
  }
};

// Items that nobody counts, none of them: an address, a size, and how it is mapped. The mark is a
// property like any other.
template <Platform P>
struct UntrackedItems {
  struct Item : RawItem {
    static Item untracked(PhysAddr at, u8 level, PageProperty property) noexcept {
      return {{at, level, property}};
    }
    static constexpr bool is_tracked() noexcept { return false; }
    Item to_owned() const noexcept { return *this; }

    friend constexpr bool holds_frame(const Item&) noexcept { return false; }
    friend Frame<P> held_frame(Item&&) noexcept { return {}; }
  };
  using ItemRef = Item;

  static constexpr bool kMayOwn = false;
  static constexpr bool owns(bool) noexcept { return false; }
  static constexpr bool is_allowed(PageProperty) noexcept { return true; }
  static constexpr PageProperty without_mark(PageProperty property) noexcept { return property; }
  static constexpr PageProperty with_mark(PageProperty property, bool) noexcept { return property; }

  static RawItem raw_info(const Item& item) noexcept { return item; }
  static RawItem into_raw(Item&& item) noexcept { return item; }
  static Item from_raw(const RawItem& raw) noexcept { return {raw}; }
  static ItemRef ref_from_raw(const RawItem& raw) noexcept { return {raw}; }
};

}  // namespace mm
