// SPDX-License-Identifier: MPL-2.0
// What is promised of copies of spaces.
#include "reference/table_conditions.h"

namespace reference {

using trace::Rights;
using trace::Status;

namespace {

bool may_write(const Mapping& mapping) {
  return mapping.tracked && mapping.property.rights.has(Rights::kWritable);
}

trace::Property less(trace::Property property, unsigned rights) {
  property.rights.bits = static_cast<std::uint8_t>(property.rights.bits & ~rights);
  return property;
}

// The tables by which something is mapped.
std::set<NodePlace> used_tables(const Tree& tree) {
  std::set<NodePlace> used{tree.top};
  for (const auto& [at, mapping] : tree.mappings) {
    for (Level level = mapping.level; level < tree.top.level; ++level) {
      used.insert(place_of(level, at));
    }
  }
  return used;
}

}  // namespace

bool forks(const Step& step) {
  const auto* const op = as<trace::SpaceFork>(step);
  if (op == nullptr) return true;
  const TableHandle* const from = table_before(step, op->from);
  if (from == nullptr || from->kind != trace::TableKindName::space) return false;
  const Tree& old = step.before.trees.at(from->root);
  if (step.answer.reply.status == Status::no_memory) {
    return step.before.trees == step.after.trees && step.before.cpus == step.after.cpus &&
           step.answer.reply == trace::Reply{.status = Status::no_memory} &&
           changes_tables(step, [](State&, Held&) {});
  }
  const auto& made = step.after.held[step.lane].at(op->to);
  if (!is_ok(step) || !made || made->kind != from->kind) return false;
  if (step.before.trees.contains(made->root)) return false;

  std::uint64_t frames = 0, writable = 0;
  std::map<VirtPage, Mapping> kept, copied;
  std::map<Page, std::uint64_t> more;  // Counts.
  for (const auto& [at, mapping] : old.mappings) {
    const unsigned lost = mapping.tracked ? Rights::kWritable : 0;
    kept[at] = copied[at] = mapping;
    kept[at].property = less(mapping.property, lost);
    copied[at].property = less(mapping.property, lost | Rights::kAccessed | Rights::kDirty);
    frames += mapping.tracked ? 1 : 0;
    writable += may_write(mapping) ? 1 : 0;
    if (mapping.tracked) ++more[mapping.to];
  }
  auto wanted = step.before.trees;
  wanted.at(from->root).mappings = kept;
  Tree copy = step.after.trees.at(made->root);
  std::set<NodePlace> tables;
  for (const auto& [place, page] : copy.nodes) tables.insert(place);
  if (copy.mappings != copied || tables != used_tables(old) || !copy.active_on.empty() ||
      copy.borrowed != old.borrowed) {
    return false;
  }
  wanted[made->root] = copy;
  if (wanted != step.after.trees) return false;

  const auto changes_no_more = [&](State& state, Held& held) {
    for (const auto& [page, counts] : more) state.slots[page].rc += counts;
    held.at(op->to) = *made;
    state.grace = step.after.grace;  // POST-44 and POST-45 speak of who is told, and waited for,
    state.cpus = step.after.cpus;    // and INV-48 of what CPUs keep.
  };
  if (!changes_tables(step, changes_no_more)) return false;
  std::uint64_t others = 0;
  for (const Lane cpu : old.active_on) others |= cpu == step.lane ? 0 : std::uint64_t{1} << cpu;
  return answers(step,
                 {made->root * kPageBytes, frames, old.mappings.size() - frames, writable,
                  writable != 0 ? others : 0},
                 step.answer.choices);
}

}  // namespace reference
