// SPDX-License-Identifier: MPL-2.0
// What is promised of whole page tables, and of grace periods.
#include "reference/table_conditions.h"

namespace reference {

using trace::Status;
using trace::TableKindName;

namespace {

// The address of a page, as results tell it.
std::uint64_t address(Page page) { return page * kPageBytes; }

bool drops(const Step& step, const trace::TableDrop& op) {
  const TableHandle* const table = held_before(step, op.from);
  if (table == nullptr) return false;
  State fallen = step.before;
  Fall all{fallen};
  fall(all, table->root);
  const bool was_last = step.before.slots[table->root].rc == 1;
  const Ends& ends = all.ends;
  return answers(step,
                 {address(table->root), was_last ? std::uint64_t{1} : 0, ends.count, ends.count,
                  ends.found, ends.found, ends.sum},
                 all.choices) &&
         changes_only(step, [&](State& state, Held& held) {
           state = fallen;
           held.at(op.from).reset();
         });
}

// What is left of the machine's address space as a CPU sees it that has only so many levels.
VirtPage folded(Level levels, VirtPage page) {
  const std::uint64_t all = end_of({levels, 0});
  const VirtPage low = page % all;
  return low >= all / 2 ? low + (kVirtEnd - all) : low;
}

}  // namespace

bool copies_a_table(const Step& step) {
  const auto* const op = as<trace::TableCopy>(step);
  if (op == nullptr) return true;
  const TableHandle* const table = table_before(step, op->from);
  if (table == nullptr) return false;
  if (step.before.slots[table->root].rc >= kMost) return aborts(step);
  return answers(step, {address(table->root)}) && changes_only(step, [&](State& state, Held& held) {
           state.slots[table->root].rc += 1;
           held.at(op->to) = *table;
         });
}

bool makes_a_table(const Step& step) {
  const auto* const op = as<trace::TableNew>(step);
  if (op == nullptr) return true;
  const auto taken = nodes_taken(step);
  if (!taken) return false;
  if (step.answer.reply.status == Status::no_memory) {
    return taken->empty() && step.before.trees == step.after.trees &&
           step.answer.reply == trace::Reply{.status = Status::no_memory} &&
           changes_tables(step, [](State&, Held&) {});
  }
  if (taken->size() != 1 || !answers(step, {address((*taken)[0])}, step.answer.choices)) {
    return false;
  }
  const Page root = (*taken)[0];
  const auto tree = step.after.trees.find(root);
  if (tree == step.after.trees.end()) return false;
  const Node& node = step.after.nodes.at(root);
  const bool is_fresh = tree->second.nodes.size() == 1 && tree->second.mappings.empty() &&
                        tree->second.kind == op->kind.name && tree->second.is_table() &&
                        node.children == 0 && !node.locked_by && step.after.slots[root].rc == 1;
  // All other trees are as they were.
  auto others = step.after.trees;
  others.erase(root);
  return is_fresh && others == step.before.trees && changes_tables(step, [&](State&, Held& held) {
           held.at(op->to) = TableHandle{root, op->kind.name};
         });
}

bool drops_what_it_refers_to(const Step& step) {
  const auto* const op = as<trace::TableDrop>(step);
  return op == nullptr || drops(step, *op);
}

bool walks_in_software(const Step& step) {
  const auto* const op = as<trace::TableWalk>(step);
  if (op == nullptr) return true;
  const TableHandle* table = table_before(step, op->table);
  if (table == nullptr || !changes_nothing(step)) return false;
  const std::uint64_t at = trace::address_of(op->at);
  const VirtPage page = folded(shape_of(table->kind).levels, at / kPageBytes);
  const bool is_upper = page >= kVirtEnd / 2;
  if (is_users(table->kind) && is_upper) table = &*step.before.shared[0];
  const Tree& tree = step.before.trees.at(table->root);
  for (const auto& [begin, mapping] : tree.mappings) {
    if (page < begin || page >= begin + span_of(mapping.level)) continue;
    return answers(step, {address(mapping.to + page - begin) + at % kPageBytes,
                          mapping.property.rights.bits, mapping.property.privileged.bits,
                          static_cast<std::uint64_t>(mapping.property.cache.name)});
  }
  return refuses(step, Status::none);
}

bool cpus_have_tables(const State& state) {
  for (const auto& [top, tree] : state.trees) {
    std::set<Lane> cpus;
    for (Lane lane = 0; lane < state.cpus.size(); ++lane) {
      const auto& root = state.cpus[lane].root;
      if (root && root->root == top && tree.kind == TableKindName::space) cpus.insert(lane);
    }
    if (tree.active_on != cpus) return false;
  }
  return std::ranges::all_of(state.cpus, [&](const Processor& cpu) {
    if (!cpu.root) return true;
    const auto tree = state.trees.find(cpu.root->root);
    return tree != state.trees.end() && tree->second.is_table() &&
           tree->second.kind == cpu.root->kind && cpu.root->kind != TableKindName::plain5;
  });
}

bool activates(const Step& step) {
  const auto* const op = as<trace::TableActivate>(step);
  if (op == nullptr) return true;
  const TableHandle* const table = table_before(step, op->table);
  if (table == nullptr) return false;
  const std::optional<TableHandle>& was = step.before.cpus[step.lane].root;
  State fallen = step.before;
  Fall all{fallen};
  if (was != *table) {
    if (step.before.slots[table->root].rc >= kMost) return aborts(step);
    fallen.slots[table->root].rc += 1;
    Processor& cpu = fallen.cpus[step.lane];
    cpu.root = *table;
    cpu.reaches_others = table->kind == TableKindName::user || table->kind == TableKindName::plain;
    if (cpu.reaches_others) cpu.may_know_others = true;
    if (was && was->kind == TableKindName::space) {
      fallen.trees.at(was->root).active_on.erase(step.lane);
    }
    if (table->kind == TableKindName::space) {
      fallen.trees.at(table->root).active_on.insert(step.lane);
    }
    if (was) fall(all, was->root);
    fallen.cpus[step.lane].kept = step.after.cpus[step.lane].kept;  // D.8 speaks of that.
  }
  const Ends& ends = all.ends;
  return answers(step,
                 {address(table->root), ends.count, ends.count, ends.found, ends.found, ends.sum},
                 all.choices) &&
         changes_only(step, [&](State& state, Held&) { state = fallen; });
}

bool waits_with_a_count(const State& state, const Owners& owners, Page page) {
  return owners.in_grace == 0 || status_of(state.slots[page].rc) == SlotStatus::shared;
}

bool passes(const Step& step) {
  if (as<trace::Quiesce>(step) == nullptr) return true;
  State fallen = step.before;
  Fall all{fallen};
  std::uint64_t ended = 0;
  do_what_is_queued(fallen.cpus[step.lane]);
  fallen.grace.to_pass.erase(step.lane);
  if (!fallen.grace.running.empty() && fallen.grace.to_pass.empty()) {
    const std::vector<Page> batch = std::exchange(fallen.grace.running, {});
    for (const Page page : batch) fall(all, page);
    ended = batch.size();
    const std::vector<Page> next = std::exchange(fallen.grace.waiting, {});
    fallen.grace.running = next;
    for (Lane lane = 0; lane < fallen.machine.cpus.count && !next.empty(); ++lane) {
      fallen.grace.to_pass.insert(lane);
    }
  }
  const Ends& ends = all.ends;
  return answers(step, {ended, ends.count, ends.count, ends.found, ends.found, ends.sum},
                 all.choices) &&
         changes_only(step, [&](State& state, Held&) { state = fallen; });
}

// What waits does so for a period: some CPU has yet to pass, and none that there is not.
bool periods_run(const State& state) {
  const Grace& grace = state.grace;
  if (grace.running.empty() != grace.to_pass.empty()) return false;
  if (grace.running.empty() && !grace.waiting.empty()) return false;
  return std::ranges::all_of(grace.to_pass,
                             [&](Lane lane) { return lane < state.machine.cpus.count; });
}

}  // namespace reference
