// SPDX-License-Identifier: MPL-2.0
// What is promised of the page table that the cold machine boots with: by where addresses lead, and
// by which tables.
#include "reference/boot_conditions.h"

namespace reference {

using trace::Code;
using trace::KindName;
using trace::Status;

namespace {

constexpr Level kTop = 4;
constexpr std::array<Level, kFirmwareTables> kFirmwareLevels = {kTop, 3, 2, 1, 3};

bool is_unsayable(trace::CacheName cache) { return cache == trace::CacheName::write_protected; }

bool all_have_dismissed(const Cold& cold) { return cold.has_dismissed[0] && cold.has_dismissed[1]; }

// ---- What there is ----

// An entry as the firmware left it.
std::optional<BootEntry> firmwares(Page table, std::uint16_t index) {
  auto leads_to = [](Page which) { return BootEntry{.table = kFirmwareRoot + which}; };
  const auto which = static_cast<std::size_t>(table - kFirmwareRoot);
  if (which == 0 && (index == 0 || index == 256)) return leads_to(1);
  if (which == 0 && index == 511) return leads_to(4);
  if ((which == 1 && index == 0) || (which == 4 && index == 511)) return leads_to(2);
  if (which == 2 && index == 0) return leads_to(3);
  const bool is_page = which == 3 || (which == 1 && index < 4) || (which == 2 && index < 8);
  if (!is_page) return std::nullopt;
  return BootEntry{.to = index * span_of(kFirmwareLevels[which]), .property = {{7}, {}, {}}};
}

BootTables tables_in(const Cold& cold) {
  if (!cold.tables.empty()) return cold.tables;
  BootTables tables;
  for (Page page = kFirmwareRoot; page < kFirmwareRoot + kFirmwareTables; ++page) {
    BootTable& table = tables[page];
    table.level = kFirmwareLevels[page - kFirmwareRoot];
    for (std::uint16_t i = 0; i < kEntries; ++i) {
      if (const auto entry = firmwares(page, i)) table.entries[i] = *entry;
    }
  }
  return tables;
}

// A page that is mapped, by its first virtual page.
struct Piece {
  Level level = 1;
  Page to = 0;
  trace::Property property{};
  bool operator==(const Piece&) const = default;
};
using Pieces = std::map<VirtPage, Piece>;

// All that is reached from the root, as often as it is: pages, and tables by their levels and the
// first page that they can map.
struct Reached {
  Pieces pieces{};
  std::map<std::pair<Level, VirtPage>, Page> tables{};
  bool operator==(const Reached&) const = default;
};

void reach(const BootTables& tables, Page page, Level level, VirtPage begin, Reached& all) {
  const auto found = tables.find(page);
  if (found == tables.end() || found->second.level != level || level == 0) return;
  all.tables[{level, begin}] = page;
  for (const auto& [index, entry] : found->second.entries) {
    VirtPage at = begin + index * span_of(level);
    const bool is_upper_half = level == kTop && index >= kEntries / 2;
    if (is_upper_half) at += kVirtEnd - kEntries * span_of(kTop);
    if (entry.table) {
      reach(tables, *entry.table, static_cast<Level>(level - 1), at, all);
    } else {
      all.pieces[at] = {level, entry.to, entry.property};
    }
  }
}

Reached reached_in(const Cold& cold) {
  Reached all;
  reach(tables_in(cold), kFirmwareRoot, kTop, 0, all);
  return all;
}

Pieces::const_iterator piece_over(const Pieces& pieces, VirtPage page) {
  const auto next = pieces.upper_bound(page);
  if (next == pieces.begin()) return pieces.end();
  const auto last = std::prev(next);
  return page - last->first < span_of(last->second.level) ? last : pieces.end();
}

// Where a table of a level begins that is on the way to a page. The root begins at 0 for all.
std::pair<Level, VirtPage> place_over(Level level, VirtPage page) {
  return {level, level == kTop ? 0 : page / span_of(level + 1) * span_of(level + 1)};
}

Level lowest_over(const Reached& all, VirtPage page) {
  Level level = 1;
  while (!all.tables.contains(place_over(level, page))) ++level;
  return level;
}

// All virtual pages whose translation is by the same entries as that of a page, from the table of a
// level on.
std::vector<VirtPage> aliases(const Reached& all, Level level, VirtPage page) {
  const auto place = place_over(level, page);
  std::vector<VirtPage> pages;
  for (const auto& [other, table] : all.tables) {
    if (table == all.tables.at(place)) pages.push_back(page - place.second + other.second);
  }
  return pages;
}

// ---- New tables ----

// What is left of the memory after so many tables were wanted, if those that were told were to be
// had, and no more if there are less; nothing if they were not.
std::optional<Cold> taken(const Step& step, std::uint64_t wanted) {
  const auto& [status, code, results] = step.answer.reply;
  Cold left = step.before.cold;
  if (results[0] > wanted) return std::nullopt;
  auto take_one = [&](std::uint64_t address) {
    if (left.max_paddr == 0) return take_first_place(left, 1, kPageBytes) == address;
    left.marked[address / kPageBytes] = KindName::early;
    return is_aligned(address) && left.free.erase(address / kPageBytes) == 1;
  };
  for (std::size_t i = 0; i < results[0]; ++i) {
    if (!take_one(results[1 + i])) return std::nullopt;
  }
  for (std::size_t i = 1 + results[0]; i < results.size(); ++i) {
    if (results[i] != 0) return std::nullopt;
  }
  if (code != Code::none || step.answer.choices != trace::Choices{}) return std::nullopt;
  if (results[0] == wanted) return status == Status::ok ? std::optional(left) : std::nullopt;
  Cold rest = left;
  const bool has_more =
      left.max_paddr == 0 ? take_first_place(rest, 1, kPageBytes).has_value() : !left.free.empty();
  return status == Status::no_memory && !has_more ? std::optional(left) : std::nullopt;
}

// A page becomes 512 of a level below that lead where it did, if there is one.
void split(Pieces& pieces, VirtPage page) {
  const auto found = piece_over(pieces, page);
  if (found == pieces.end()) return;
  const auto [begin, piece] = *found;
  pieces.erase(found);
  const std::uint64_t span = span_of(piece.level) / kEntries;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    pieces[begin + i * span] = {static_cast<Level>(piece.level - 1), piece.to + i * span,
                                piece.property};
  }
}

// The tables that were told are on the way to a page, one below the other; then its last entry is
// changed, if there are enough of them. By whatever way that is reached, all else is as it was.
bool makes_tables_and(const Step& step, VirtPage page, auto&& change) {
  const Cold& before = step.before.cold;
  const Reached was = reached_in(before);
  const Level lowest = lowest_over(was, page);
  if (lowest > 1 && before.supplies.empty()) {
    return refuses(step, Status::panicked, Code::no_early);
  }
  const auto left = taken(step, lowest - 1u);
  if (!left) return false;

  Reached wanted = was;
  const auto& results = step.answer.reply.results;
  for (const VirtPage alias : aliases(was, lowest, page)) {
    for (std::size_t i = 0; i < results[0]; ++i) {
      const auto level = static_cast<Level>(lowest - 1 - i);
      wanted.tables[place_over(level, alias)] = results[1 + i] / kPageBytes;
      split(wanted.pieces, alias);
    }
    if (is_ok(step)) change(wanted.pieces[alias]);
  }
  const Cold& after = step.after.cold;
  return reached_in(after) == wanted && changes_only(step, [&](State& state, Held&) {
           state.cold = *left;
           state.cold.tables = after.tables;
         });
}

bool maps_a_page(const Step& step, const trace::BootMapPage& op) {
  const std::uint64_t address = trace::address_of(op.at);
  const Page to = trace::address_of(op.to) / kPageBytes;
  auto panics = [&](Code code) { return refuses(step, Status::panicked, code); };
  if (step.before.cold.has_dismissed[op.other.on]) return refuses(step, Status::none);
  if (!is_aligned(address)) return panics(Code::misaligned);
  if (to >= kPhysEnd) return panics(Code::bad_target);
  if (is_unsayable(op.property.cache.name)) return panics(Code::bad_cache);

  const VirtPage page = address / kPageBytes;
  const Pieces pieces = reached_in(step.before.cold).pieces;
  if (const auto found = piece_over(pieces, page); found != pieces.end()) {
    return panics(found->second.level == 1 ? Code::mapped_already : Code::mapped_huge);
  }
  return makes_tables_and(step, page, [&](Piece& piece) { piece = {1, to, op.property}; });
}

bool protects_a_page(const Step& step, const trace::BootProtectPage& op) {
  const std::uint64_t address = trace::address_of(op.at);
  const trace::Change& change = op.change;
  auto panics = [&](Code code) { return refuses(step, Status::panicked, code); };
  if (step.before.cold.has_dismissed[op.other.on]) return refuses(step, Status::none);
  if (!is_aligned(address)) return panics(Code::misaligned);
  const bool sets_cache = change.cache > 0;
  const auto cache = static_cast<trace::CacheName>(sets_cache ? change.cache - 1 : 0);
  if (sets_cache && is_unsayable(cache)) return panics(Code::bad_cache);

  const VirtPage page = address / kPageBytes;
  const Pieces pieces = reached_in(step.before.cold).pieces;
  if (piece_over(pieces, page) == pieces.end()) return panics(Code::not_mapped);
  return makes_tables_and(step, page, [&](Piece& piece) {
    std::uint8_t& bits = piece.property.rights.bits;
    bits = static_cast<std::uint8_t>(bits & (trace::Rights::kAll ^ change.take.bits));
    bits |= change.give.bits;
    if (sets_cache) piece.property.cache.name = cache;
  });
}

bool walks(const Step& step, std::uint64_t address) {
  const Pieces pieces = reached_in(step.before.cold).pieces;
  const auto found = piece_over(pieces, address / kPageBytes);
  if (found == pieces.end()) return refuses(step, Status::none);
  const auto& [begin, piece] = *found;
  return answers(step, {piece.to * kPageBytes + (address - begin * kPageBytes),
                        piece.property.rights.bits, piece.property.privileged.bits,
                        static_cast<std::uint64_t>(piece.property.cache.name), piece.level}) &&
         changes_nothing(step);
}

// ---- The end ----

// The firmware's tables with their pages alone.
BootTables without_tables(BootTables tables) {
  std::erase_if(tables, [](const auto& table) { return !is_firmwares(table.first); });
  for (auto& [page, table] : tables) {
    std::erase_if(table.entries, [](const auto& entry) { return entry.second.table.has_value(); });
  }
  return tables;
}

bool dismisses(const Step& step, const trace::BootDismiss& op) {
  const Cold& before = step.before.cold;
  if (before.has_dismissed[op.other.on]) return refuses(step, Status::none);
  Cold wanted = before;
  wanted.has_dismissed[op.other.on] = true;
  std::uint64_t given = 0;
  const bool was_last = all_have_dismissed(wanted);
  if (was_last) {
    const BootTables tables = tables_in(before);
    wanted.tables = without_tables(tables);
    for (const auto& [page, table] : tables) {
      if (is_firmwares(page)) continue;
      wanted.free.insert(page);
      wanted.marked.erase(page);
      ++given;
    }
  }
  return answers(step, {was_last ? 1u : 0u, given}) &&
         changes_only(step, [&](State& state, Held&) { state.cold = wanted; });
}

// ---- States ----

bool is_right_leaf(Level level, const BootEntry& leaf) {
  return level < kTop && leaf.to % span_of(level) == 0 && leaf.to < kPhysEnd &&
         !is_unsayable(leaf.property.cache.name);
}

// A page of a table of the boot page table's own is in use for it.
bool has_its_page(const Cold& cold, Page page) {
  if (cold.max_paddr == 0) return is_spent(cold, page * kPageBytes);
  const auto found = cold.marked.find(page);
  return found != cold.marked.end() && found->second == KindName::early;
}

}  // namespace

bool boot_tables_are_whole(const State& state) {
  const Cold& cold = state.cold;
  if ((cold.has_dismissed[0] || cold.has_dismissed[1]) && cold.max_paddr == 0) return false;
  if (cold.tables.empty()) return !all_have_dismissed(cold);

  std::map<Page, std::size_t> entries_to;
  for (const auto& [page, table] : cold.tables) {
    for (const auto& [index, entry] : table.entries) {
      if (index >= kEntries) return false;
      if (!entry.table) {
        if (!is_right_leaf(table.level, entry)) return false;
        continue;
      }
      const auto below = cold.tables.find(*entry.table);
      if (all_have_dismissed(cold) || below == cold.tables.end()) return false;
      if (below->second.level + 1 != table.level) return false;
      ++entries_to[*entry.table];
    }
  }
  for (std::size_t i = 0; i < kFirmwareTables; ++i) {
    const auto found = cold.tables.find(kFirmwareRoot + i);
    if (found == cold.tables.end() || found->second.level != kFirmwareLevels[i]) return false;
  }
  return std::ranges::all_of(cold.tables, [&](const auto& table) {
    const Page page = table.first;
    if (is_firmwares(page)) return page < kFirmwareRoot + kFirmwareTables;
    return entries_to[page] == 1 && has_its_page(cold, page);
  });
}

bool changes_the_boot_table(const Step& step) {
  if (const auto* op = as<trace::BootMapPage>(step)) return maps_a_page(step, *op);
  if (const auto* op = as<trace::BootProtectPage>(step)) return protects_a_page(step, *op);
  if (const auto* op = as<trace::BootWalk>(step)) return walks(step, trace::address_of(op->at));
  if (const auto* op = as<trace::BootDismiss>(step)) return dismisses(step, *op);
  return true;
}

}  // namespace reference
