// SPDX-License-Identifier: MPL-2.0
// What is promised of flushes that other CPUs are told of, and to whom nothing free can be reached.
#include "reference/area_conditions.h"

namespace reference {

using trace::Code;
using trace::Status;
using trace::TableKindName;

namespace {

// Calls `each(cpu, space, one)` for what CPUs may keep of the spaces that they translate by,
// beyond what these map.
void for_each_stale(const State& state, auto&& each) {
  for (const Processor& cpu : state.cpus) {
    if (!cpu.root || cpu.root->kind != TableKindName::space) continue;
    const Tree& space = state.trees.at(cpu.root->root);
    for (const Translation& one : cpu.kept) {
      if (!one.global && one.begin < kVirtEnd / 2) each(cpu, space, one);
    }
  }
}

bool may_flush(const Cursor* cursor) {
  return cursor != nullptr && cursor->may_change && cursor->kind == TableKindName::space;
}

}  // namespace

bool reaches_nothing_free(const State& state) {
  bool none_free = true;
  for_each_stale(state, [&](const Processor&, const Tree&, const Translation& one) {
    if (one.to >= state.slots.size()) return;  // A device's.
    none_free &= status_of(state.slots[one.to].rc) == SlotStatus::shared;
  });
  return none_free;
}

bool what_is_gone_is_queued(const State& state) {
  bool all_queued = true;
  for_each_stale(state, [&](const Processor& cpu, const Tree& space, const Translation& one) {
    const auto now = space.mappings.find(one.begin);
    if (now != space.mappings.end() && now->second.to == one.to) return;
    all_queued &= std::ranges::any_of(cpu.queue, [&](const Flushes& flushes) {
      return flushes.all || names(flushes, one.begin);
    });
  });
  return all_queued && keeps_of_areas_what_is_so(state);
}

bool issues_so_many(const State& state) {
  return all_cursors(state, [](Lane, const Cursor& cursor) {
    const Flushes& issued = cursor.issued;
    if (issued.any() && !may_flush(&cursor)) return false;
    return issued.all ? issued.pages.empty() : issued.pages.size() <= kMostIssued;
  });
}

bool issues_what_is_asked(const Step& step) {
  const auto* const op = as<trace::TlbIssue>(step);
  if (op == nullptr) return true;
  if (!may_flush(cursor_before(step))) return false;
  const std::uint64_t address = trace::address_of(op->at);
  const std::uint64_t pages = op->pages.value();
  const bool all = op->all.value();
  if (!all && address % kPageBytes != 0) return refuses(step, Status::panicked, Code::misaligned);
  if (!all && pages == 0) return refuses(step, Status::panicked, Code::empty_range);
  if (cursor_after(step) == nullptr) return false;
  const Flushes& before = cursor_before(step)->issued;
  const Flushes& after = cursor_after(step)->issued;
  // They are all just if it is said, or if there would be too many.
  const bool too_many =
      before.all || pages > kMostIssued || before.pages.size() + pages > kMostIssued;
  return after.all == (all || too_many) && answers(step, {after.pages.size(), after.all ? 1u : 0u});
}

// Whatever was issued before still is, and what is asked follows.
bool issue_appends(const Step& step) {
  const auto* const op = as<trace::TlbIssue>(step);
  if (op == nullptr || step.answer.reply.status != Status::ok) return true;
  return changes_only(step, [&](State&, Held& held) {
    Flushes& issued = held.cursor->issued;
    if (op->all.value()) {
      issued = {.pages = {}, .all = true};
    } else {
      add_flush(issued, trace::address_of(op->at) / kPageBytes, op->pages.value());
    }
  });
}

bool dispatches(const Step& step) {
  if (is_of_areas(step)) return all_pass_after_they_flush(step);
  if (as<trace::TlbDispatch>(step) == nullptr) return true;
  const Cursor* const cursor = cursor_before(step);
  if (!may_flush(cursor)) return false;
  std::uint64_t others = 0;
  const std::set<Lane>& cpus = step.before.trees.at(cursor->root).active_on;
  for (const Lane cpu : cpus) others |= cpu == step.lane ? 0 : std::uint64_t{1} << cpu;
  const bool any = cursor->issued.any();
  return answers(step, {any ? others : 0, any && cpus.contains(step.lane) ? 1u : 0u}) &&
         changes_only(step, [&](State& state, Held& held) {
           tell_cpus(state, step.lane, cursor->root, dispatched_by(step));
           held.cursor->issued = {};
         });
}

bool cpus_have_forgotten(const Step& step) {
  if (is_of_areas(step)) return all_have_flushed(step);
  const bool is_interrupt = as<trace::CpuInterrupt>(step) != nullptr;
  if (!is_interrupt && as<trace::TlbSync>(step) == nullptr) return true;
  std::uint64_t late = 0;
  for (Lane cpu = 0; cpu < step.before.cpus.size(); ++cpu) {
    if (step.before.cpus[cpu].told_by.contains(step.lane)) late |= std::uint64_t{1} << cpu;
  }
  const bool had_any = !step.before.cpus[step.lane].queue.empty();
  return answers(step, {is_interrupt ? std::uint64_t{had_any} : late}) &&
         changes_only(step, [&](State& state, Held&) {
           for (Lane cpu = 0; cpu < state.cpus.size(); ++cpu) {
             const bool does = is_interrupt ? cpu == step.lane : (late >> cpu & 1) != 0;
             if (does) do_what_is_queued(state.cpus[cpu]);
           }
         });
}

}  // namespace reference
