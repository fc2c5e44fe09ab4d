// SPDX-License-Identifier: MPL-2.0
// Whole page tables.
#include <algorithm>

#include "reference/model.h"

namespace reference {

using trace::Status;
using trace::TableKindName;

namespace {

constexpr Level kCpuLevels = 4;  // Of a table that a CPU can translate by.

bool has_cursor(const State& state, Lane lane) { return state.held[lane].cursor.has_value(); }

// A user's table takes the lock of the kernel's root, so it would wait for a cursor there. Alone, a
// lane asks for none as long as any other has a cursor.
bool may_wait(const State& state, Lane lane, TableKindName kind) {
  if (!is_users(kind) || state.at_once) return false;
  for (Lane other = 0; other < state.held.size(); ++other) {
    if (other != lane && has_cursor(state, other)) return true;
  }
  return false;
}

NodePlace root_place(TableKindName kind) {
  const Shape shape = shape_of(kind);
  return {shape.levels, shape.base};
}

// The kernel's tables below its root, ascending.
std::vector<Page> kernel_tables(const State& state) {
  std::vector<Page> pages;
  const Tree& kernel = state.trees.at(state.shared[0]->root);
  for (const auto& [place, page] : kernel.nodes) {
    if (place.level + 1 == kernel.top.level) pages.push_back(page);
  }
  return pages;
}

// An address as CPUs would write it that see no more of it than so many levels translate.
VirtPage as_seen_by(Level levels, VirtPage page) {
  const std::uint64_t span = span_of(static_cast<Level>(levels + 1));
  const VirtPage low = page % span;
  return low < span / 2 ? low : kVirtEnd - span + low;
}

}  // namespace

TableHandle make_table(State& state, Page root, TableKindName kind) {
  make_top(state, root, kind, root_place(kind));
  if (is_users(kind)) state.trees[root].borrowed = kernel_tables(state);
  return {root, kind};
}

bool make_tables(State& state, const trace::Choices& choices) {
  const std::uint16_t pages = state.machine.tables.pages();
  if (choices.taken.count != pages || choices.given.count != 0 || choices.refused != 0) {
    return false;
  }
  for (std::uint16_t i = 0; i < pages; ++i) {
    const Page page = choices.taken.page[i];
    if (!state.free.contains(page)) return false;
    state.free.erase(page);
    state.murky.insert(page);
  }
  std::uint16_t next = 0;
  for (std::uint8_t i = 0; i < state.machine.tables.count; ++i) {
    const TableKindName kind = trace::kSharedKinds[i];
    const Page root = choices.taken.page[next++];
    state.shared[i] = make_table(state, root, kind);
    if (kind != TableKindName::kernel) continue;
    const Shape shape = shape_of(kind);
    for (std::uint64_t table = 0; table < kKernelTables; ++table) {
      const auto level = static_cast<Level>(shape.levels - 1);
      const VirtPage begin = shape.range_begin() + table * span_of(shape.levels);
      link_node(state, root, choices.taken.page[next++], {level, begin}, std::nullopt);
    }
  }
  return true;
}

bool allows(const State& state, Lane lane, const trace::TableNew& op) {
  const bool has_kernel = state.shared[0].has_value();
  return !state.held[lane].has(op.to) && !has_cursor(state, lane) &&
         (!is_users(op.kind.name) || has_kernel) && !may_wait(state, lane, op.kind.name);
}

// It takes a page before it waits for the kernel's root.
Answer step(State& state, Lane lane, const trace::TableNew& op, const Answer& seen) {
  if (is_users(op.kind.name) && seen.reply.status != Status::no_memory &&
      state.nodes.at(state.shared[0]->root).locked_by.has_value()) {
    return {{Status::impermissible}, {}};
  }
  Answer answer;
  std::vector<Page> taken;
  answer.reply.status = take_nodes(state, lane, 1, seen, answer, taken);
  if (answer.reply.status != Status::ok) return answer;
  state.held[lane].at(op.to) = make_table(state, taken[0], op.kind.name);
  touch(state, taken[0], 0, kVirtEnd - 1);
  answer.reply.results[0] = taken[0] * kPageBytes;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::TableCopy& op) {
  return table_at(state, lane, op.from) != nullptr && !state.held[lane].has(op.to) &&
         !has_cursor(state, lane);
}

Answer step(State& state, Lane lane, const trace::TableCopy& op, const Answer&) {
  const TableHandle handle = *table_at(state, lane, op.from);
  Slot& slot = state.slots[handle.root];
  if (slot.rc >= kMost) return abort(state);
  state.touched.insert(handle.root);
  slot.rc += 1;
  state.held[lane].at(op.to) = handle;
  return {{.results = {handle.root * kPageBytes}}, {}};
}

bool allows(const State& state, Lane lane, const trace::TableDrop& op) {
  return state.held[lane].has(op.from) && !has_cursor(state, lane);
}

Answer step(State& state, Lane lane, const trace::TableDrop& op, const Answer& seen) {
  std::optional<TableHandle>& from = state.held[lane].at(op.from);
  const Page root = from->root;
  from.reset();
  Doing doing{.op = op, .todo = {{Phase::Next::drop, root}}, .seen = seen, .first = 2};
  doing.answer.reply.results = {root * kPageBytes, state.slots[root].rc == 1 ? 1u : 0u};
  note_no_end(doing.answer, doing.first);
  fall(state, doing.todo, doing.answer, doing.first);
  return begin(state, lane, std::move(doing));
}

bool allows(const State& state, Lane lane, const trace::TableWalk& op) {
  return table_at(state, lane, op.table) != nullptr;
}

Answer step(State& state, Lane lane, const trace::TableWalk& op, const Answer&) {
  const TableHandle& table = *table_at(state, lane, op.table);
  const std::uint64_t address = trace::address_of(op.at);
  const VirtPage page = as_seen_by(shape_of(table.kind).levels, address / kPageBytes);
  const auto* const found = mapping_of(tree_for(state, table, page), page);
  if (found == nullptr) return {{Status::none}, {}};
  const Mapping& mapping = found->second;
  const Page to = mapping.to + (page - found->first);
  return {{.results = {to * kPageBytes + address % kPageBytes, mapping.property.rights.bits,
                       mapping.property.privileged.bits,
                       static_cast<std::uint64_t>(mapping.property.cache.name)}},
          {}};
}

bool allows(const State& state, Lane lane, const trace::TableActivate& op) {
  const TableHandle* const table = table_at(state, lane, op.table);
  return table != nullptr && shape_of(table->kind).levels == kCpuLevels && !has_cursor(state, lane);
}

// The CPU has the new table before it gives the old one up.
Answer step(State& state, Lane lane, const trace::TableActivate& op, const Answer& seen) {
  const TableHandle table = *table_at(state, lane, op.table);
  Doing doing{.op = op, .seen = seen, .first = 1};
  doing.answer.reply.results[0] = table.root * kPageBytes;
  note_no_end(doing.answer, doing.first);
  const std::optional<TableHandle> before = state.cpus[lane].root;
  if (before == table) return doing.answer;
  Slot& slot = state.slots[table.root];
  if (slot.rc >= kMost) return abort(state);
  state.touched.insert(table.root);
  slot.rc += 1;
  switch_tables(state, lane, table);
  if (before) doing.todo.push_back({Phase::Next::drop, before->root});
  return begin(state, lane, std::move(doing));
}

}  // namespace reference
