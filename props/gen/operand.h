// SPDX-License-Identifier: MPL-2.0
// Operands that are worth asking with: what a lane holds, places where something is, sizes near
// those of what there is, and now and then anything else.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "props/gen/scene.h"
#include "props/gen/table_operand.h"
#include "reference/model.h"

namespace props {

// What one operand is drawn from.
struct Operands {
  const trace::Machine& machine;
  const Taste& taste;
  const Act& act;  // What is played.
  const reference::Model& model;
  std::uint8_t lane;

  // None if there is nothing that it could be asked of, or it would come too early.
  template <class T>
  std::optional<T> draw(Dice& dice) const {
    if constexpr (kBoot.has(trace::kIndexOf<T>)) {
      if (lane != 0 || !comes_now<T>(dice)) return std::nullopt;
    }
    // Nothing is left: now and then one may ask all the same.
    if constexpr (is_any_of<T, trace::AllocFrame, trace::AllocSegment, trace::AllocBlock>) {
      if (model.state().free.empty() && act.size == 0 && !dice.one_in(8)) return std::nullopt;
    }
    // A cursor is open, or is not: then there is nothing to draw.
    constexpr OpSet kOfCursors = (family("cursor") | kTlb) - set_of<trace::CursorOpen>();
    if (kOfCursors.has(trace::Op(T{}).index()) && model.cursor(lane) == nullptr) {
      return std::nullopt;
    }
    T op;
    bool has_all = true;
    T::fields([&](const char* name, auto member) {
      has_all = has_all && draw(dice, op, op.*member, std::string_view(name));
    });
    if (!has_all) return std::nullopt;
    return op;
  }

 private:
  using Name = std::string_view;

  template <class T, class... Ops>
  static constexpr bool is_any_of = (std::is_same_v<T, Ops> || ...);

  // The steps of a boot come in their order; and, more often than not, when there is something for
  // them to do.
  template <class T>
  bool comes_now(Dice& dice) const {
    const reference::Cold& cold = model.state().cold;
    const bool is_played = act.size != 0;
    if constexpr (is_any_of<T, trace::BootNormalise>) {
      if (is_played) return true;
      return cold.is_normalised ? dice.one_in(32) : dice.below(12) < cold.regions.size();
    } else if constexpr (is_any_of<T, trace::BootEarlyInit>) {
      return has_usable(cold) || dice.one_in(16);
    } else if constexpr (is_any_of<T, trace::BootInitMeta, trace::BootInitAllocator>) {
      return is_played || dice.one_in(3);
    } else if constexpr (is_any_of<T, trace::BootEarlyAlloc>) {
      return (!cold.supplies.empty() && !cold.is_initialised()) || dice.one_in(16);
    } else if constexpr (is_any_of<T, trace::BootMappedAt>) {
      return cold.is_initialised() || dice.one_in(16);
    } else {
      return true;
    }
  }

  static bool has_usable(const reference::Cold& cold) {
    return std::ranges::any_of(cold.regions, [](const reference::Region& region) {
      return region.type == trace::RegionName::usable;
    });
  }

  // ---- Registers.

  // One that is empty (`to`) or occupied by what suits; false if there is none such.
  template <class T, class What, std::uint8_t Count>
  bool draw(Dice& dice, const T& op, trace::Register<What, Count>& place, Name name) const {
    const std::uint32_t first = dice.below(Count);
    const bool is_picky = !dice.one_in(16);
    for (std::uint32_t i = 0; i < Count; ++i) {
      place.index = static_cast<std::uint8_t>((first + i) % Count);
      const auto* const held = model.held(lane, place);
      if (name == "to" ? held == nullptr : held != nullptr && suits(op, *held, is_picky)) {
        return true;
      }
    }
    return false;
  }

  // A list whose cursor is as it must be; with frames in it, if there are such; if one is to be put
  // in, one that there is a frame for.
  template <class T>
  bool draw(Dice& dice, T& op, trace::List& list, Name) const {
    constexpr bool kWantsCursor =
        is_any_of<T, trace::ListMoveNext, trace::ListMovePrev, trace::ListCurrent,
                  trace::ListWriteCurrent, trace::ListInsertBefore, trace::ListTakeCurrent,
                  trace::ListCursorClose>;
    constexpr bool kTakesOut =
        is_any_of<T, trace::ListPopFront, trace::ListPopBack, trace::ListTakeCurrent,
                  trace::ListCurrent, trace::ListWriteCurrent>;
    const bool may_be_empty = kTakesIn<T> || dice.one_in(4);
    const std::uint32_t first = dice.below(trace::List::kCount);
    bool is_found = false;
    for (std::uint32_t i = 0; i < trace::List::kCount; ++i) {
      const trace::List other{static_cast<std::uint8_t>((first + i) % trace::List::kCount)};
      const reference::List& held = *model.held(lane, other);
      if (held.cursor.has_value() != kWantsCursor || !has_frame_for(op, other)) continue;
      if (!is_found || !held.pages.empty()) list = other;
      is_found = true;
      if (may_be_empty || !held.pages.empty()) break;
    }
    const bool has_any = !model.held(lane, list)->pages.empty();
    return is_found && (has_any || may_be_empty || !kTakesOut);
  }

  template <class T>
  static constexpr bool kTakesIn =
      is_any_of<T, trace::ListPushFront, trace::ListPushBack, trace::ListInsertBefore>;

  template <class T>
  bool has_frame_for(const T&, trace::List list) const {
    if constexpr (kTakesIn<T>) {
      for (std::uint8_t i = 0; i < trace::Unique::kCount; ++i) {
        const reference::Handle* const held = model.held(lane, trace::Unique{i});
        if (held != nullptr && is_of(*held, list)) return true;
      }
      return false;
    }
    return true;
  }

  static bool is_of(const reference::Handle& handle, trace::List list) {
    return handle.is_typed() && handle.kind == trace::list_kind(list);
  }

  template <class T>
  static bool suits(const T& op, const reference::Handle& held, bool) {
    if constexpr (kTakesIn<T>) {
      return is_of(held, op.list);
    } else if constexpr (kBytes.has(trace::kIndexOf<T>)) {
      return held.is_untyped();
    }
    return true;
  }
  template <class T>
  static bool suits(const T&, const reference::Run& held, bool is_picky) {
    if constexpr (kBytes.has(trace::kIndexOf<T>)) {
      return held.knows == reference::Knows::untyped;
    } else if constexpr (is_any_of<T, trace::SegmentSplit, trace::SegmentNext>) {
      const std::uint64_t least = is_any_of<T, trace::SegmentSplit> ? 2 : 1;
      return held.count >= least || !is_picky;
    }
    return true;
  }
  template <class T>
  static bool suits(const T&, const reference::Block& held, bool) {
    return !is_any_of<T, trace::AllocSplitBlock> || held.count > 1;
  }

  template <class T>
  static bool suits(const T&, const reference::TableHandle&, bool) {
    return true;
  }
  template <class T>
  static bool suits(const T&, const reference::AreaRange& held, bool is_picky) {
    return !is_any_of<T, trace::AreaSplit> || held.pages > 1 || !is_picky;
  }

  // ---- Tables, and what is asked of them.

  TableOperands of_tables(Dice& dice) const { return {dice, taste, model, lane}; }

  template <class T>
  bool draw(Dice& dice, const T&, trace::Table& table, Name) const {
    if constexpr (kUsers.has(trace::kIndexOf<T>)) return of_tables(dice).draw_space(table);
    return act.to_limit ? of_tables(dice).draw_fullest(table) : of_tables(dice).draw(table);
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::TableKind& kind, Name) const {
    of_tables(dice).draw(kind);
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T& op, trace::VirtPlace& at, Name name) const {
    const TableOperands operands = of_tables(dice);
    if constexpr (kBoot.has(trace::kIndexOf<T>)) return at = operands.at_boot(), true;
    if constexpr (is_any_of<T, trace::CursorOpen>) {
      const reference::TableHandle& table = *model.table(lane, op.table);
      at = name == "begin" ? operands.begin_of_range(table)
                           : operands.end_of_range(op.begin, table.kind);
    } else if constexpr (is_any_of<T, trace::CursorJump, trace::TlbIssue>) {
      at = operands.in_range(*model.cursor(lane));
    } else if constexpr (is_any_of<T, trace::TableWalk>) {
      at = operands.somewhere(model.table(lane, op.table));
    } else if constexpr (is_any_of<T, trace::CpuTouch>) {
      at = operands.to_touch();
    } else if constexpr (kUsers.has(trace::kIndexOf<T>)) {
      at = operands.to_copy();
    } else {
      at = operands.somewhere(model.root(lane));
    }
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::Length& length, Name) const {
    length = of_tables(dice).length_for(*model.cursor(lane));
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::Target& at, Name) const {
    if constexpr (is_any_of<T, trace::AreaMapRange, trace::BootMapPage>) {
      at = of_tables(dice).target_of_area();
    } else {
      at = of_tables(dice).target_for(*model.cursor(lane));
    }
    return true;
  }
  bool draw(Dice& dice, const trace::CursorMapRaw& op, trace::Level& level, Name) const {
    level = of_tables(dice).level_for(*model.cursor(lane), op.at);
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::Property& property, Name) const {
    trace::TableKindName kind = trace::TableKindName::kernel;
    if constexpr (!(kAreas | kBoot).has(trace::kIndexOf<T>)) kind = model.cursor(lane)->kind;
    property = of_tables(dice).property_for(kind);
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::Change& change, Name) const {
    change = of_tables(dice).change();
    return true;
  }
  template <class T>
  bool draw(Dice& dice, const T&, trace::Access& access, Name) const {
    access.name = static_cast<trace::AccessName>(dice.below(trace::Access::kCount));
    return true;
  }

  // ---- Places.

  template <class T>
  bool draw(Dice& dice, const T& op, trace::PhysPlace& at, Name name) const {
    const std::uint32_t kind = dice.below(32);
    at.page = static_cast<std::uint16_t>(dice.below(taste.pages));
    if constexpr (is_any_of<T, trace::SegmentFromUnused>) {
      if (name == "until" && kind != 0) {
        at.page = end_of_range(dice, op.at, kind < 3);
      } else if (name == "at" && dice.one_in(2)) {
        at.page = static_cast<std::uint16_t>(dice.below(machine.loose.raw));
      }
    } else if constexpr (is_any_of<T, trace::FrameFromInUse>) {
      if (kind < 16) at.page = page_in_use(dice);
      if (act.to_limit) at.page = of_tables(dice).root_with_one_count().value_or(at.page);
    } else if constexpr (is_any_of<T, trace::ListContains, trace::ListCursorAt>) {
      const reference::List& held = *model.held(lane, op.list);
      if (kind < 20 && !held.pages.empty()) {
        at.page = static_cast<std::uint16_t>(held.pages[dice.below(held.pages.size())]);
      } else if (kind < 26) {
        at.page = page_in_use(dice);
      }
    }
    if (kind == 0) at.page = outside(dice);
    if (kind == 31 || (kind == 0 && dice.one_in(4))) at.offset = any_offset(dice);
    return true;
  }

  // Mostly above the beginning, and only over loose pages.
  std::uint16_t end_of_range(Dice& dice, trace::PhysPlace at, bool is_any) const {
    const std::uint32_t loose = machine.loose.raw;
    if (at.is_outside() || is_any) return static_cast<std::uint16_t>(dice.below(loose + 1));
    const std::uint32_t room = loose - std::min<std::uint32_t>(at.page, loose - 1);
    const std::uint32_t count = dice.between(1, dice.one_in(4) ? room : std::min(room, 4u));
    const std::uint32_t end = at.page + count;
    return end < machine.pages.raw ? static_cast<std::uint16_t>(end)
                                   : trace::PhysPlace::kFirstOutside;  // Which is the end.
  }

  // A page in use, if a few tries found one.
  std::uint16_t page_in_use(Dice& dice) const {
    std::uint16_t page = 0;
    for (int tries = 0; tries < 8; ++tries) {
      page = static_cast<std::uint16_t>(
          dice.below(taste.names_loose_only ? machine.loose.raw : machine.pages.raw));
      if (model.state().slots[page].rc != reference::kUnused) break;
    }
    return page;
  }

  static std::uint16_t outside(Dice& dice) {
    return static_cast<std::uint16_t>(trace::PhysPlace::kFirstOutside +
                                      dice.below(trace::PhysPlace::kOutside));
  }
  static std::uint8_t any_offset(Dice& dice) {
    return static_cast<std::uint8_t>(trace::PageOffset::kFirstOther + dice.below(5));
  }

  // Regions touch, overlap and leave holes; some lie across the middle, few far above. Pages that
  // are looked at are where something may be.
  template <class T>
  bool draw(Dice& dice, const T&, trace::ColdPlace& place, Name) const {
    constexpr std::uint32_t kPages = trace::kColdMachine.pages.raw;
    trace::PhysPlace& at = place.at;
    at.page = static_cast<std::uint16_t>(dice.below(kPages));
    const reference::Cold& cold = model.state().cold;
    if (is_any_of<T, trace::BootAddRegion> && !cold.regions.empty()) {
      const reference::Region& last = cold.regions.back();
      switch (dice.below(8)) {
        case 0:
        case 1:
        case 2: at.page = cold_page(last.end); break;
        case 3: at.page = cold_page(last.begin + (last.end - last.begin) / 2); break;
        case 4: at.page = cold_page(last.end + 4096 * dice.between(1, 4)); break;
        case 5: at.page = static_cast<std::uint16_t>(dice.between(48, 64)); break;
      }
    }
    if (dice.one_in(20)) at.page = outside(dice);
    if (dice.one_in(is_any_of<T, trace::BootAddRegion> ? 6 : 24)) at.offset = any_offset(dice);
    return true;
  }

  static std::uint16_t cold_page(std::uint64_t address) {
    return static_cast<std::uint16_t>(
        std::min<std::uint64_t>(address / 4096, trace::kColdMachine.pages.raw - 1u));
  }

  // ---- Metadata.

  template <class T>
  bool draw(Dice& dice, const T& op, trace::Kind& kind, Name) const {
    if constexpr (is_any_of<T, trace::FrameTryFrom, trace::SegmentTryFrom>) {
      // Its own, as often as not.
      const auto& held = *model.held(lane, op.from);
      kind = model.state().slots[first_page(held)].vtable.value_or(kind);
      const bool can_be_asked = kind.name != trace::KindName::node;
      if (can_be_asked && dice.one_in(2)) return true;
    }
    switch (act.kinds) {
      case Act::Kinds::links:
        kind = trace::list_kind({static_cast<std::uint8_t>(dice.below(trace::List::kCount))});
        return true;
      case Act::Kinds::untyped:
        kind.name = dice.one_in(2) ? trace::KindName::empty : trace::KindName::link_empty;
        return true;
      case Act::Kinds::liked: break;
    }
    kind = dice.one_in(16) ? any_kind(dice) : taste.kinds[dice.below(taste.kinds.size())];
    return true;
  }

  static reference::Page first_page(const reference::Handle& handle) { return handle.page; }
  reference::Page first_page(const reference::Run& run) const {
    return std::min<reference::Page>(run.first, machine.pages.raw - 1u);
  }

  template <class T>
  bool draw(Dice& dice, const T&, trace::RegionType& type, Name) const {
    type.name = !dice.one_in(3)
                    ? trace::RegionName::usable
                    : static_cast<trace::RegionName>(dice.below(trace::RegionType::kCount));
    return true;
  }

  // ---- Numbers.

  template <class T>
  bool draw(Dice& dice, const T& op, trace::Count& count, Name name) const {
    if constexpr (is_any_of<T, trace::FrameCountPreload>) {
      if (act.to_limit || (taste.nears_limit && !dice.one_in(4))) {
        count.raw = trace::Count::kFirstHuge + 1;  // 2^63 - 3.
        return true;
      }
    } else if constexpr (is_any_of<T, trace::AllocSegment, trace::AllocBlock>) {
      if (name == "pages") return draw_pages(dice, count, model.state().free.size());
    } else if constexpr (is_any_of<T, trace::BootEarlyAlloc>) {
      return draw_pages(dice, count, 64);
    } else if constexpr (is_any_of<T, trace::AllocSplitBlock>) {
      const std::uint64_t pages = model.held(lane, op.from)->count;
      count.raw = static_cast<std::uint16_t>(dice.one_in(2) ? 1 : dice.between(1, pages - 1));
      return true;
    } else if constexpr (is_any_of<T, trace::AllocFail>) {
      count.raw = static_cast<std::uint16_t>(dice.one_in(2) ? name == "times" : dice.below(4));
      return true;
    } else if constexpr (is_any_of<T, trace::TlbIssue>) {
      // As many as there may be before they are all, and one more.
      if (dice.one_in(8)) return count.raw = static_cast<std::uint16_t>(dice.between(28, 33)), true;
      if (!dice.one_in(8)) return count.raw = static_cast<std::uint16_t>(dice.between(1, 3)), true;
    } else if constexpr (kAreas.has(trace::kIndexOf<T>)) {
      if (draw_of_area(dice, op, count, name)) return true;
    } else if constexpr (is_any_of<T, trace::BootRegionAt, trace::BootMappedAt>) {
      const reference::Cold& cold = model.state().cold;
      const std::size_t there =
          is_any_of<T, trace::BootRegionAt> ? cold.regions.size() : cold.mapped.size();
      count.raw = static_cast<std::uint16_t>(dice.below(there + 2));
      return true;
    }
    switch (dice.below(16)) {
      case 0: count.raw = static_cast<std::uint16_t>(dice.below(0x10000)); break;
      case 1: count.raw = huge(dice); break;
      default: count.raw = static_cast<std::uint16_t>(dice.below(4));
    }
    return true;
  }

  // Sizes of areas of few pages, of huge ones, or of most that there are; and what lies in them, or
  // just not. False: any number.
  template <class T>
  bool draw_of_area(Dice& dice, const T& op, trace::Count& count, Name name) const {
    if (dice.one_in(24)) return false;
    auto up_to = [&](std::uint64_t most) {
      count.raw = static_cast<std::uint16_t>(dice.below(static_cast<std::uint32_t>(most) + 1));
      return true;
    };
    if constexpr (is_any_of<T, trace::AreaQuery, trace::AreaSplit>) {
      const reference::AreaRange* area = nullptr;
      if constexpr (is_any_of<T, trace::AreaQuery>) {
        area = model.held(lane, op.area);
      } else {
        area = model.held(lane, op.from);
      }
      if (area->pages > 512 && dice.one_in(3)) return count.raw = 512, true;
      return up_to(dice.one_in(2) ? std::min<std::uint64_t>(area->pages, 3) : area->pages);
    } else if constexpr (is_any_of<T, trace::AreaMapFrames, trace::AreaMapRange>) {
      constexpr std::uint16_t kSizes[] = {64, 512, 576, 1024, 2048};
      if (name == "pages") {
        count.raw = static_cast<std::uint16_t>(dice.between(1, dice.one_in(4) ? 40 : 5));
        if (dice.one_in(4)) count.raw = kSizes[dice.below(std::size(kSizes))];
        return true;
      }
      const std::uint64_t pages = std::min<std::uint64_t>(op.pages.value(), trace::kAreaPages);
      if (name == "offset") {
        if (dice.one_in(2)) return count.raw = 0, true;
        return up_to(dice.one_in(3) ? pages : std::min<std::uint64_t>(pages, 2));
      }
      if (dice.one_in(12)) return up_to(pages + 1);
      const std::uint64_t room = pages - std::min(pages, op.offset.value());
      if (dice.one_in(2)) return count.raw = static_cast<std::uint16_t>(room), true;
      if (room > 512 && dice.one_in(2)) return count.raw = 512, true;  // A table's.
      return up_to(room);
    } else {
      return false;
    }
  }

  static std::uint16_t huge(Dice& dice) {
    return static_cast<std::uint16_t>(trace::Count::kFirstHuge +
                                      dice.below(trace::Count::kHuge.size()));
  }

  // Of the allocator that has so many left.
  bool draw_pages(Dice& dice, trace::Count& count, std::size_t left) const {
    const auto most = static_cast<std::uint32_t>(std::max<std::size_t>(left, 1));
    std::uint32_t pages = 1;
    switch (act.sizes) {
      case Act::Sizes::single: break;
      case Act::Sizes::few: pages = dice.between(1, dice.one_in(4) ? 9 : 4); break;
      case Act::Sizes::most: pages = std::max(1u, most / dice.between(1, 4)); break;
      case Act::Sizes::usual:
        switch (dice.below(32)) {
          case 0: pages = 0; break;
          case 1: pages = huge(dice); break;
          case 2: pages = most; break;
          case 3: pages = most + 1; break;
          case 4:
          case 5: pages = dice.between(1, most); break;
          case 6:
          case 7:
          case 8: pages = dice.between(1, std::min(most, 16u)); break;
          default: pages = dice.between(1, 4);
        }
    }
    count.raw = static_cast<std::uint16_t>(pages);
    return true;
  }

  template <class T>
  bool draw(Dice& dice, const T&, trace::Order& order, Name) const {
    const bool is_size = kBytes.has(trace::kIndexOf<T>);
    const std::uint32_t usual = is_size ? dice.below(4) : dice.one_in(2) ? 0 : dice.below(4);
    order.value =
        static_cast<std::uint8_t>(dice.one_in(16) ? dice.below(trace::Order::kMost + 1u) : usual);
    return true;
  }

  template <class T>
  bool draw(Dice& dice, const T&, trace::Flag& flag, Name) const {
    flag.on = dice.one_in(is_any_of<T, trace::TlbIssue> ? 8 : 2) ? 1 : 0;
    return true;
  }

  // ---- Extents.

  template <class T>
  bool draw(Dice& dice, const T& op, trace::Extent& extent, Name name) const {
    if (dice.one_in(32)) {
      extent.pages = huge(dice);
      static_assert(trace::Count::kFirstHuge == trace::Extent::kFirstHuge);
      return true;
    }
    if constexpr (is_any_of<T, trace::BootAddRegion>) {
      extent.pages = static_cast<std::uint16_t>(dice.between(0, dice.one_in(3) ? 80 : 12));
      if (extent.pages == 0 || dice.one_in(6)) extent.offset = any_offset(dice);
      return true;
    } else if constexpr (is_any_of<T, trace::SegmentSplit, trace::SegmentSlice>) {
      return draw_bound(dice, op, extent, name);
    } else {
      return draw_bytes(dice, op, extent, name);
    }
  }

  // Within the segment, or just not.
  template <class T>
  bool draw_bound(Dice& dice, const T& op, trace::Extent& extent, Name name) const {
    const auto pages = static_cast<std::uint32_t>(model.held(lane, op.from)->count);
    std::uint32_t low = 0, high = pages;
    if constexpr (is_any_of<T, trace::SegmentSplit>) {
      if (pages > 1) low = 1, high = pages - 1;
    } else if (name == "end") {
      low = std::min<std::uint32_t>(op.begin.pages, pages);
    }
    extent.pages = static_cast<std::uint16_t>(dice.one_in(10) ? dice.below(pages + 2)
                                                              : dice.between(low, high));
    if (dice.one_in(24)) extent.offset = any_offset(dice);
    return true;
  }

  // Within what is read or written, or just not. What limits is often no limit.
  template <class T>
  bool draw_bytes(Dice& dice, const T& op, trace::Extent& extent, Name name) const {
    std::uint32_t pages = 1;
    if constexpr (is_any_of<T, trace::BytesSegmentRead>) {
      pages = static_cast<std::uint32_t>(model.held(lane, op.from)->count);
    } else if constexpr (is_any_of<T, trace::BytesSegmentWrite>) {
      pages = static_cast<std::uint32_t>(model.held(lane, op.into)->count);
    }
    const bool is_skip = name.starts_with("skip");
    if (is_skip) {
      extent.pages = static_cast<std::uint16_t>(dice.one_in(8) ? dice.below(pages + 2)
                                                               : dice.below(std::max(pages, 1u)));
    } else {
      extent.pages = static_cast<std::uint16_t>(dice.below(3));
    }
    const bool is_even = (is_skip && dice.one_in(3)) || (!is_skip && extent.pages == 2);
    if (!is_even || dice.one_in(8)) extent.offset = any_offset(dice);
    return true;
  }
};

}  // namespace props
