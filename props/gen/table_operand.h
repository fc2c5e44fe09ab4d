// SPDX-License-Identifier: MPL-2.0
// Operands of page tables, cursors and CPUs that are worth asking with: addresses near those of
// what there is, and near the boundaries of tables; ranges and lengths that just fit; physical
// places aligned as the page that is to be mapped; and now and then anything else.
#pragma once

#include <algorithm>
#include <optional>

#include "props/gen/taste.h"
#include "reference/cursors.h"
#include "reference/model.h"

namespace props {

class TableOperands {
 public:
  TableOperands(Dice& dice, const Taste& taste, const reference::Model& model, std::uint8_t lane)
      : dice_(dice), taste_(taste), model_(model), lane_(lane) {}

  // How a trace names the first byte of a page; none if it cannot.
  static std::optional<trace::VirtPlace> named(std::uint64_t address) {
    for (std::uint8_t place = 0; place < trace::VirtPlace::kCount; ++place) {
      const std::uint64_t from = trace::address_of(trace::VirtPlace{place, 0, 0});
      const auto away = static_cast<std::int64_t>(address - from);
      const std::int64_t pages = away / 4096;
      if (away % 4096 == 0 && pages >= -128 && pages <= 127) {
        return trace::VirtPlace{place, static_cast<std::uint8_t>(pages), 0};
      }
    }
    return std::nullopt;
  }

  // ---- Tables.

  // One that is there; false if none is. More often than not one that maps something; a space, if
  // the trace likes these.
  bool draw(trace::Table& table) const {
    if (taste_.likes_spaces && !dice_.one_in(6) && draw(table, /*only_spaces=*/true)) return true;
    return draw(table, /*only_spaces=*/false);
  }
  bool draw(trace::Table& table, bool only_spaces) const {
    const std::uint32_t first = dice_.below(trace::Table::kCount);
    const bool may_be_empty = dice_.one_in(3);
    bool is_found = false;
    for (std::uint32_t i = 0; i < trace::Table::kCount; ++i) {
      const trace::Table other{static_cast<std::uint8_t>((first + i) % trace::Table::kCount)};
      const reference::TableHandle* const handle = model_.table(lane_, other);
      if (handle == nullptr) continue;
      if (only_spaces && handle->kind != trace::TableKindName::space) continue;
      const bool has_any = !model_.state().trees.at(handle->root).mappings.empty();
      if (!is_found || has_any) table = other;
      is_found = true;
      if (may_be_empty || has_any) break;
    }
    return is_found;
  }
  // A space: mostly the one by which the CPU translates.
  bool draw_space(trace::Table& table) const {
    const reference::TableHandle* const root = model_.root(lane_);
    const bool is_own = root != nullptr && !dice_.one_in(8);
    const std::uint32_t first = dice_.below(trace::Table::kCount);
    bool is_found = false;
    for (std::uint32_t i = 0; i < trace::Table::kCount; ++i) {
      const trace::Table other{static_cast<std::uint8_t>((first + i) % trace::Table::kCount)};
      const reference::TableHandle* const handle = model_.table(lane_, other);
      if (handle == nullptr || handle->kind != trace::TableKindName::space) continue;
      const bool is_wanted = !is_own || handle->root == root->root;
      if (!is_found || is_wanted) table = other;
      is_found = true;
      if (is_wanted) break;
    }
    return is_found;
  }
  // The one with most counts on its root.
  bool draw_fullest(trace::Table& table) const {
    std::uint64_t most = 0;
    for (std::uint8_t index = 0; index < trace::Table::kCount; ++index) {
      const reference::TableHandle* const handle = model_.table(lane_, {index});
      if (handle == nullptr || model_.state().slots[handle->root].rc <= most) continue;
      most = model_.state().slots[handle->root].rc;
      table = {index};
    }
    return most > 0;
  }
  // Of the tables that there are.
  std::optional<std::uint16_t> root_with_one_count() const {
    std::optional<std::uint16_t> page;
    std::uint32_t seen = 0;
    for (std::uint8_t index = 0; index < trace::Table::kCount; ++index) {
      const reference::TableHandle* const handle = model_.table(lane_, {index});
      if (handle == nullptr || model_.state().slots[handle->root].rc != 1) continue;
      if (dice_.one_in(++seen)) page = static_cast<std::uint16_t>(handle->root);
    }
    return page;
  }
  void draw(trace::TableKind& kind) const {
    constexpr auto kSpace = trace::TableKindName::space;
    do {
      kind.name = static_cast<trace::TableKindName>(dice_.below(trace::TableKind::kCount));
      if (taste_.likes_spaces && dice_.one_in(2)) kind.name = kSpace;
    } while (kind.name == kSpace && !taste_.makes_spaces);
  }

  // ---- Virtual places.

  // Where something is mapped, or the edge of that, or a place that the trace likes.
  trace::VirtPlace somewhere(const reference::TableHandle* table) const {
    if (dice_.one_in(32)) return anywhere();
    if (table != nullptr && !dice_.one_in(4)) {
      if (const auto at = where_mapped(*table)) return *at;
    }
    return near_home(table == nullptr ? trace::TableKindName::user : table->kind);
  }

  // What a CPU touches: also what it may know although it is so no more.
  trace::VirtPlace to_touch() const {
    if (taste_.likes_areas && dice_.one_in(3)) return at_areas_end();
    const auto& kept = model_.state().cpus[lane_].kept;
    if (!kept.empty() && dice_.one_in(3)) {
      const auto one =
          std::next(kept.begin(), static_cast<std::ptrdiff_t>(dice_.below(kept.size())));
      if (const auto at = named(one->begin * 4096)) return *at;
    }
    return somewhere(model_.root(lane_));
  }

  // Few pages that are soon handed out again: the last, or the last that lie in the table before.
  trace::VirtPlace at_areas_end() const {
    const std::uint32_t behind = dice_.one_in(3) ? 64 : 0;
    return {kAreasEnd, static_cast<std::uint8_t>(0 - behind - dice_.between(1, 2)), 0};
  }

  // Where the cold machine's firmware maps something, or just not.
  trace::VirtPlace at_boot() const {
    constexpr std::array<std::uint8_t, 10> kHomes = {0, 1, 2, 3, 4, 5, 6, 10, 16, 19};
    trace::VirtPlace at{kHomes[dice_.below(kHomes.size())], 0, 0};
    if (dice_.one_in(16)) at = anywhere();
    if (dice_.one_in(2)) at.page = static_cast<std::uint8_t>(dice_.below(5) - 2);
    if (dice_.one_in(32)) at.offset = any_offset();
    return at;
  }

  // What is copied from or to: begins in a page, or near the end of users' memory.
  trace::VirtPlace to_copy() const {
    trace::VirtPlace at = to_touch();
    if (dice_.one_in(16)) at = {kUserEnd, static_cast<std::uint8_t>(dice_.below(3) - 2), 0};
    at.offset = dice_.one_in(2) ? any_offset() : std::uint8_t{0};
    return at;
  }

  trace::VirtPlace begin_of_range(const reference::TableHandle& table) const {
    trace::VirtPlace at = somewhere(&table);
    if (dice_.one_in(3)) at.page = 0;
    return at;
  }

  // Above the beginning: few pages, or at another place.
  trace::VirtPlace end_of_range(trace::VirtPlace begin, trace::TableKindName kind) const {
    const std::uint64_t from = trace::address_of(begin);
    switch (dice_.below(24)) {
      case 0: return anywhere();
      case 1: return near_home(kind);
      case 2: return begin;
    }
    if (dice_.one_in(2)) {
      trace::VirtPlace end = begin;
      end.page = static_cast<std::uint8_t>(end.page + dice_.between(1, dice_.one_in(4) ? 64 : 4));
      return end;
    }
    for (int tries = 0; tries < 8; ++tries) {
      trace::VirtPlace end{home(kind), 0, 0};
      if (dice_.one_in(3)) end.page = static_cast<std::uint8_t>(dice_.between(1, 3));
      if (dice_.one_in(6)) end.page = static_cast<std::uint8_t>(0 - dice_.between(1, 3));
      if (trace::address_of(end) > from) return end;
    }
    trace::VirtPlace end = begin;
    end.page = static_cast<std::uint8_t>(end.page + 1);
    return end;
  }

  // In the cursor's range, or just outside.
  trace::VirtPlace in_range(const reference::Cursor& cursor) const {
    if (dice_.one_in(24)) return anywhere();
    if (!dice_.one_in(4)) {
      const auto at = where_mapped({cursor.root, cursor.kind});
      if (at && is_in(cursor, trace::address_of(*at))) return *at;
    }
    const std::uint64_t pages = cursor.end - cursor.begin;
    const std::uint64_t few = std::min<std::uint64_t>(pages, 5);
    std::uint64_t page = cursor.begin + dice_.below(few);
    if (dice_.one_in(3)) page = cursor.end - dice_.below(few + 1);
    if (dice_.one_in(4)) page = cursor.at + dice_.below(3) - 1;
    return named(page * 4096).value_or(near_home(cursor.kind));
  }

  static bool is_in(const reference::Cursor& cursor, std::uint64_t address) {
    return address / 4096 >= cursor.begin && address / 4096 < cursor.end;
  }

  // ---- Lengths.

  trace::Length length_for(const reference::Cursor& cursor) const {
    trace::Length length{0, static_cast<std::uint8_t>(dice_.between(1, 4)), 0};
    switch (dice_.below(32)) {
      case 0: length = {trace::Length::kRound, static_cast<std::uint8_t>(dice_.below(2)), 0}; break;
      case 1: length.offset = any_offset(); break;
      case 2: length = {static_cast<std::uint8_t>(dice_.below(4)), 2, 0}; break;
      case 3: length.count = 0; break;
      case 4:
      case 5: length = {trace::Length::kRest, 1, 0}; break;
      case 6:
      case 7:
      case 8:
      case 9: length = {1, 1, 0}; break;
      case 10: length = {static_cast<std::uint8_t>(dice_.one_in(4) ? 2 : 1), 1, 0}; break;
      case 11: length = {0, 64, 0}; break;
      default:
        if (dice_.one_in(is_vast(cursor) ? 32 : 2)) length = {trace::Length::kRest, 0, 0};
    }
    // Beyond the end it is a panic: seldom.
    const std::uint64_t now = cursor.at * 4096, end = cursor.end * 4096;
    if (trace::bytes_of(length, now, end) > end - now && !dice_.one_in(12)) {
      length = {trace::Length::kRest, 0, 0};
    }
    return length;
  }

  // The largest that fits at a page, up to a level.
  static std::uint8_t fitting_level(std::uint8_t highest, std::uint64_t at, std::uint64_t to,
                                    std::uint64_t end) {
    std::uint8_t level = 1;
    while (level < highest) {
      const std::uint64_t pages = reference::span_of(static_cast<std::uint8_t>(level + 1));
      if (at % pages != 0 || to % pages != 0 || pages > end - at) break;
      ++level;
    }
    return level;
  }

  // Whether it takes more entries than so many to map a run.
  static bool has_more_entries(int most, const reference::Cursor& cursor, trace::Target target,
                               std::uint64_t pages) {
    std::uint64_t at = cursor.at, to = trace::address_of(target) / 4096;
    const std::uint64_t end = at + pages;
    for (int entries = 0; at < end; ++entries) {
      if (entries == most) return true;
      const std::uint64_t size =
          reference::span_of(fitting_level(reference::shape_of(cursor.kind).highest, at, to, end));
      at += size;
      to += size;
    }
    return false;
  }

  // ---- What is mapped.

  // To map so much page by page takes long, and shows no more than to map less.
  static bool is_vast(const reference::Cursor& cursor) { return cursor.end - cursor.at > 2048; }

  // Aligned to a huge page as the cursor is, so that such fit; or not.
  trace::Target target_for(const reference::Cursor& cursor) const {
    trace::Target at;
    // What a space maps so is no memory.
    const bool is_space = cursor.kind == trace::TableKindName::space;
    if (is_space ? !dice_.one_in(8) : dice_.one_in(3))
      at.base = static_cast<std::uint8_t>(dice_.between(1, 4));
    if (dice_.one_in(40)) at.base = static_cast<std::uint8_t>(dice_.below(trace::Target::kCount));
    at.page = static_cast<std::uint16_t>(dice_.one_in(2) ? 0 : 512 * dice_.below(8));
    if (!dice_.one_in(is_vast(cursor) ? 24 : 3)) {
      at.page = static_cast<std::uint16_t>(at.page + cursor.at % 512);
    } else if (dice_.one_in(2)) {
      at.page = static_cast<std::uint16_t>(dice_.below(16));
    }
    return at;
  }

  // Aligned as huge pages in areas are, or not.
  trace::Target target_of_area() const {
    trace::Target at;
    if (dice_.one_in(2)) at.base = static_cast<std::uint8_t>(dice_.between(1, 4));
    if (dice_.one_in(24)) at.base = static_cast<std::uint8_t>(dice_.below(trace::Target::kCount));
    at.page =
        static_cast<std::uint16_t>(dice_.one_in(3) ? 64 + 512 * dice_.below(4) : dice_.below(600));
    return at;
  }

  // The largest that fits at the place and to the target, as often as not.
  trace::Level level_for(const reference::Cursor& cursor, trace::Target target) const {
    if (dice_.one_in(16)) return {static_cast<std::uint8_t>(dice_.between(1, 5))};
    if (cursor.kind == trace::TableKindName::space && !dice_.one_in(16)) return {1};
    const std::uint8_t level =
        fitting_level(3, cursor.at, trace::address_of(target) / 4096, cursor.end);
    return {dice_.one_in(3) ? std::uint8_t{1} : level};
  }

  trace::Property property_for(trace::TableKindName kind) const {
    trace::Property property;
    unsigned rights = dice_.one_in(8) ? 0u : trace::Rights::kReadable;
    if (dice_.one_in(2)) rights |= trace::Rights::kWritable;
    if (dice_.one_in(2)) rights |= trace::Rights::kExecutable;
    if (dice_.one_in(4)) rights |= dice_.below(64);
    property.rights.bits = static_cast<std::uint8_t>(rights);
    property.cache = any_cache();
    const bool is_users = kind != trace::TableKindName::kernel;
    unsigned marks = is_users ? trace::Privileged::kUser : trace::Privileged::kGlobal;
    if (dice_.one_in(4)) marks = dice_.below(4);
    property.privileged.bits = static_cast<std::uint8_t>(marks);
    return property;
  }

  trace::Change change() const {
    trace::Change change;
    change.take.bits = some_rights();
    change.give.bits = some_rights();
    if (dice_.one_in(4)) {
      change.cache = static_cast<std::uint8_t>(1 + static_cast<unsigned>(any_cache().name));
    }
    return change;
  }

 private:
  trace::VirtPlace anywhere() const {
    trace::VirtPlace at;
    at.place = static_cast<std::uint8_t>(dice_.below(trace::VirtPlace::kCount));
    at.page = static_cast<std::uint8_t>(dice_.below(7) - 3);
    if (dice_.one_in(3)) at.offset = any_offset();
    return at;
  }

  std::uint8_t home(trace::TableKindName kind) const {
    const auto& homes = taste_.homes[static_cast<std::size_t>(kind)];
    return homes[dice_.below(homes.size())];
  }
  trace::VirtPlace near_home(trace::TableKindName kind) const {
    trace::VirtPlace at{home(kind), 0, 0};
    if (dice_.one_in(2)) at.page = static_cast<std::uint8_t>(dice_.below(5) - 2);
    if (dice_.one_in(48)) at.offset = any_offset();
    return at;
  }

  // A page of what a table maps, or one beside it, if it has a name.
  std::optional<trace::VirtPlace> where_mapped(const reference::TableHandle& table) const {
    const auto& mappings = model_.state().trees.at(table.root).mappings;
    if (mappings.empty()) return std::nullopt;
    auto found = mappings.begin();
    std::advance(found, dice_.below(std::min<std::size_t>(mappings.size(), 16)));
    const std::uint64_t pages = reference::span_of(found->second.level);
    std::uint64_t page = found->first;
    switch (dice_.below(6)) {
      case 0: page += pages; break;
      case 1: page -= 1; break;
      case 2: page += pages - 1; break;
      case 3: page += dice_.below(std::min<std::uint64_t>(pages, 100)); break;
    }
    return named(page * 4096);
  }

  trace::Cache any_cache() const {
    if (!dice_.one_in(3)) return {};
    return {static_cast<trace::CacheName>(
        dice_.below(dice_.one_in(12) ? trace::Cache::kCount : trace::Cache::kCount - 1u))};
  }
  std::uint8_t some_rights() const {
    if (dice_.one_in(3)) return 0;
    if (dice_.one_in(3)) return static_cast<std::uint8_t>(dice_.below(64));
    return static_cast<std::uint8_t>(1u << dice_.below(6));
  }
  std::uint8_t any_offset() const {
    return static_cast<std::uint8_t>(trace::PageOffset::kFirstOther + dice_.below(5));
  }

  static constexpr std::uint8_t kUserEnd = 8, kAreasEnd = 22;  // Among trace::kVirtNames.

  Dice& dice_;
  const Taste& taste_;
  const reference::Model& model_;
  std::uint8_t lane_;
};

}  // namespace props
