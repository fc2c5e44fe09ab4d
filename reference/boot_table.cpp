// SPDX-License-Identifier: MPL-2.0
// The page table that the cold machine boots with: the firmware's, to which others are added until
// every CPU has dismissed it.
#include <algorithm>
#include <functional>

#include "reference/model.h"

namespace reference {

using trace::Code;
using trace::Rights;
using trace::Status;

namespace {

constexpr Level kRootLevel = 4;
constexpr std::uint16_t kUpperHalf = kEntries / 2;

// Entries from `first` on that lead from a page on to where the next ones follow.
void map_all(BootTable& table, std::uint16_t first, std::uint16_t end, const BootEntry& leaf) {
  for (std::uint16_t i = first; i < end; ++i) {
    BootEntry next = leaf;
    next.to += (i - first) * span_of(table.level);
    table.entries[i] = next;
  }
}

BootTables firmware_tables() {
  constexpr Page kUpper = kFirmwareRoot + 1, kMiddle = kUpper + 1, kLowest = kMiddle + 1,
                 kLast = kLowest + 1;
  static_assert(kLast + 1 == kFirmwareRoot + kFirmwareTables);
  BootTable root{kRootLevel}, upper{3}, middle{2}, lowest{1}, last{3};
  const trace::Property all{{Rights::kReadable | Rights::kWritable | Rights::kExecutable}, {}, {}};

  root.entries = {{0, {kUpper}}, {kUpperHalf, {kUpper}}, {kEntries - 1, {kLast}}};
  upper.entries = {{0, {kMiddle}}};
  map_all(upper, 1, 4, {{}, span_of(3), all});
  middle.entries = {{0, {kLowest}}};
  map_all(middle, 1, 8, {{}, span_of(2), all});
  map_all(lowest, 0, kEntries, {{}, 0, all});
  last.entries = {{kEntries - 1, {kMiddle}}};
  return {
      {kFirmwareRoot, root}, {kUpper, upper}, {kMiddle, middle}, {kLowest, lowest}, {kLast, last}};
}

const BootTables& tables_of(const Cold& cold) {
  static const BootTables firmwares = firmware_tables();
  return cold.tables.empty() ? firmwares : cold.tables;
}

BootTables& tables_to_change(Cold& cold) {
  if (cold.tables.empty()) cold.tables = firmware_tables();
  return cold.tables;
}

// Where a walk ends: at an entry that is no table.
struct End {
  Page table = kFirmwareRoot;
  Level level = kRootLevel;
  std::uint16_t index = 0;
  std::optional<BootEntry> leaf{};
};

End walk(const Cold& cold, VirtPage page) {
  End at;
  while (true) {
    const auto& entries = tables_of(cold).at(at.table).entries;
    at.index = index_at(at.level, page);
    const auto found = entries.find(at.index);
    if (found == entries.end()) return at;
    if (!found->second.table) {
      at.leaf = found->second;
      return at;
    }
    at.table = *found->second.table;
    --at.level;
  }
}

bool is_canonical(std::uint64_t address) {
  constexpr std::uint64_t kHalf = std::uint64_t{1} << 47;
  return address < kHalf || address >= std::uint64_t{0} - kHalf;
}

bool is_unsayable(trace::CacheName cache) { return cache == trace::CacheName::write_protected; }

// ---- New tables ----

// Why a page for a table of this number was not had; ok if it was.
Status take_table(State& state, std::size_t number, const Answer& seen, std::vector<Page>& taken) {
  Cold& cold = state.cold;
  if (!cold.is_initialised()) {
    const auto address = take_early(cold.supplies, 1, kPageBytes);
    if (!address) return Status::no_memory;
    taken.push_back(*address / kPageBytes);
    return Status::ok;
  }
  if (cold.free.empty()) return Status::no_memory;
  const std::uint64_t address =
      state.imagines ? *cold.free.begin() * kPageBytes : seen.reply.results[1 + number];
  const Page page = address / kPageBytes;
  if (address % kPageBytes != 0 || cold.free.erase(page) == 0) return Status::impermissible;
  cold.marked[page] = trace::KindName::early;
  taken.push_back(page);
  return Status::ok;
}

// Takes pages until there are so many, and tells of them.
std::vector<Page> take_tables(State& state, std::size_t count, const Answer& seen, Answer& answer) {
  std::vector<Page> taken;
  if (count > 0 && state.cold.supplies.empty()) {
    answer = panic(Code::no_early);
    return taken;
  }
  Status& status = answer.reply.status;
  while (status == Status::ok && taken.size() < count) {
    status = take_table(state, taken.size(), seen, taken);
  }
  if (status == Status::impermissible) {
    for (const Page page : taken) state.cold.free.insert(page), state.cold.marked.erase(page);
    return {};
  }
  answer.reply.results[0] = taken.size();
  for (std::size_t i = 0; i < taken.size(); ++i) {
    answer.reply.results[1 + i] = taken[i] * kPageBytes;
  }
  return taken;
}

// Lets tables be on the way to a page, down to the lowest level: above, the walk to it ends at an
// entry that is empty, or a larger page.
Answer make_tables(State& state, VirtPage page, const Answer& seen) {
  Cold& cold = state.cold;
  Answer answer;
  for (const Page table : take_tables(state, walk(cold, page).level - 1u, seen, answer)) {
    const End end = walk(cold, page);
    BootTables& tables = tables_to_change(cold);
    BootTable& made = tables[table];
    made.level = static_cast<Level>(end.level - 1);
    if (end.leaf) map_all(made, 0, kEntries, *end.leaf);
    tables.at(end.table).entries[end.index] = {.table = table};
  }
  return answer;
}

void set_leaf(Cold& cold, VirtPage page, const BootEntry& leaf) {
  const End end = walk(cold, page);
  tables_to_change(cold).at(end.table).entries[end.index] = leaf;
}

trace::Property changed(trace::Property property, const trace::Change& change) {
  property.rights.bits =
      static_cast<std::uint8_t>((property.rights.bits & ~change.take.bits) | change.give.bits);
  if (change.cache != trace::Change::kKeep) {
    property.cache.name = static_cast<trace::CacheName>(change.cache - 1);
  }
  return property;
}

}  // namespace

bool allows(const State&, Lane lane, const trace::BootMapPage& op) {
  return lane == 0 && is_canonical(trace::address_of(op.at));
}

Answer step(State& state, Lane, const trace::BootMapPage& op, const Answer& seen) {
  Cold& cold = state.cold;
  const std::uint64_t address = trace::address_of(op.at);
  const Page to = trace::address_of(op.to) / kPageBytes;
  if (cold.has_dismissed[op.other.on]) return {{Status::none}, {}};
  if (address % kPageBytes != 0) return panic(Code::misaligned);
  if (to >= kPhysEnd) return panic(Code::bad_target);
  if (is_unsayable(op.property.cache.name)) return panic(Code::bad_cache);

  const VirtPage page = address / kPageBytes;
  const End end = walk(cold, page);
  if (end.leaf) return panic(end.level > 1 ? Code::mapped_huge : Code::mapped_already);
  Answer answer = make_tables(state, page, seen);
  if (answer.reply.status == Status::ok) {
    set_leaf(cold, page, {.to = to, .property = op.property});
  }
  return answer;
}

bool allows(const State&, Lane lane, const trace::BootProtectPage& op) {
  return lane == 0 && is_canonical(trace::address_of(op.at));
}

Answer step(State& state, Lane, const trace::BootProtectPage& op, const Answer& seen) {
  Cold& cold = state.cold;
  const std::uint64_t address = trace::address_of(op.at);
  if (cold.has_dismissed[op.other.on]) return {{Status::none}, {}};
  if (address % kPageBytes != 0) return panic(Code::misaligned);
  const bool changes_cache = op.change.cache != trace::Change::kKeep;
  if (changes_cache && is_unsayable(static_cast<trace::CacheName>(op.change.cache - 1))) {
    return panic(Code::bad_cache);
  }

  const VirtPage page = address / kPageBytes;
  if (!walk(cold, page).leaf) return panic(Code::not_mapped);
  Answer answer = make_tables(state, page, seen);
  if (answer.reply.status == Status::ok) {
    BootEntry leaf = *walk(cold, page).leaf;
    leaf.property = changed(leaf.property, op.change);
    set_leaf(cold, page, leaf);
  }
  return answer;
}

bool allows(const State&, Lane lane, const trace::BootWalk& op) {
  return lane == 0 && is_canonical(trace::address_of(op.at));
}

Answer step(State& state, Lane, const trace::BootWalk& op, const Answer&) {
  const std::uint64_t address = trace::address_of(op.at);
  const End end = walk(state.cold, address / kPageBytes);
  if (!end.leaf) return {{Status::none}, {}};
  const auto& [rights, privileged, cache] = end.leaf->property;
  const std::uint64_t into = address % (span_of(end.level) * kPageBytes);
  return {{.results = {end.leaf->to * kPageBytes + into, rights.bits, privileged.bits,
                       static_cast<std::uint64_t>(cache.name), end.level}},
          {}};
}

bool allows(const State& state, Lane lane, const trace::BootDismiss&) {
  return lane == 0 && state.cold.is_initialised();
}

// Everything that was made is given back, since everything is reached.
Answer step(State& state, Lane, const trace::BootDismiss& op, const Answer&) {
  Cold& cold = state.cold;
  if (cold.has_dismissed[op.other.on]) return {{Status::none}, {}};
  cold.has_dismissed[op.other.on] = true;
  if (!std::ranges::all_of(cold.has_dismissed, std::identity{})) return {};

  std::uint64_t given = 0;
  for (auto& [page, table] : tables_to_change(cold)) {
    if (is_firmwares(page)) {
      std::erase_if(table.entries,
                    [](const auto& entry) { return entry.second.table.has_value(); });
      continue;
    }
    cold.marked.erase(page);
    cold.free.insert(page);
    ++given;
  }
  std::erase_if(cold.tables, [](const auto& table) { return !is_firmwares(table.first); });
  return {{.results = {1, given}}, {}};
}

}  // namespace reference
