// SPDX-License-Identifier: MPL-2.0
// What CPUs are told to forget of address spaces, and of kernel areas.
//
// Frames are not spoken of here: what is taken out waits for a grace period, and a CPU passes none
// before it has forgotten.
#include <algorithm>

#include "reference/cursors.h"
#include "reference/model.h"

namespace reference {

using trace::Code;

namespace {

constexpr std::uint64_t kMostPages = 31;  // With one more they are all.

void perform(Processor& cpu, const Flushes& flushes) {
  if (flushes.all && flushes.global) return cpu.kept.clear();
  if (flushes.all) return forget_all_but_global(cpu);
  for (const VirtPage page : flushes.pages) forget(cpu, page);
}

bool can_flush(const State& state, Lane lane) {
  const auto& cursor = state.held[lane].cursor;
  return cursor && cursor->may_change && cursor->kind == trace::TableKindName::space;
}

}  // namespace

void issue(Flushes& flushes, VirtPage at, std::uint64_t pages) {
  if (flushes.all) return;
  if (pages > kMostPages || flushes.pages.size() + pages > kMostPages) {
    flushes = {.pages = {}, .all = true};
    return;
  }
  for (std::uint64_t i = 0; i < pages; ++i) flushes.pages.push_back((at + i) % kVirtEnd);
}

namespace {

// Tells CPUs; the own one does it at once.
Told tell(State& state, Lane lane, const std::set<Lane>& cpus, const Flushes& flushes) {
  Told told;
  if (!flushes.any()) return told;
  Grace& grace = state.grace;
  // It is still at what took things out: the lane has not passed since.
  const bool is_awaited = grace.to_pass.contains(lane);
  for (const Lane cpu : cpus) {
    if (cpu == lane) continue;
    state.cpus[cpu].queue.push_back(flushes);
    state.cpus[cpu].told_by.insert(lane);
    told.cpus |= std::uint64_t{1} << cpu;
    if (is_awaited) grace.to_pass.insert(cpu);
  }
  told.own = cpus.contains(lane);
  if (told.own) perform(state.cpus[lane], flushes);
  return told;
}

}  // namespace

Told dispatch(State& state, Lane lane) {
  Cursor& cursor = cursor_of(state, lane);
  const Flushes flushes = std::exchange(cursor.issued, {});
  return tell(state, lane, state.trees.at(cursor.root).active_on, flushes);
}

std::uint64_t wait_for_told(State& state, Lane lane) {
  std::uint64_t late = 0;
  for (Lane cpu = 0; cpu < state.cpus.size(); ++cpu) {
    if (!state.cpus[cpu].told_by.contains(lane)) continue;
    late |= std::uint64_t{1} << cpu;
    do_flushes(state, cpu);
  }
  return late;
}

std::uint64_t flush_everywhere(State& state, Lane lane, const Flushes& flushes) {
  std::set<Lane> all;
  for (Lane cpu = 0; cpu < state.machine.cpus.count; ++cpu) all.insert(cpu);
  tell(state, lane, all, flushes);
  return wait_for_told(state, lane);
}

std::uint64_t flush_space(State& state, Lane lane, Page root) {
  tell(state, lane, state.trees.at(root).active_on, {.pages = {}, .all = true});
  return wait_for_told(state, lane);
}

void dispatch_the_last(State& state, Lane lane) {
  dispatch(state, lane);
  for (Processor& cpu : state.cpus) cpu.told_by.erase(lane);
}

bool do_flushes(State& state, Lane lane) {
  Processor& cpu = state.cpus[lane];
  const bool any = !cpu.queue.empty();
  for (const Flushes& flushes : cpu.queue) perform(cpu, flushes);
  cpu.queue.clear();
  cpu.told_by.clear();
  return any;
}

bool allows(const State& state, Lane lane, const trace::TlbIssue&) {
  return can_flush(state, lane);
}

Answer step(State& state, Lane lane, const trace::TlbIssue& op, const Answer&) {
  Flushes& issued = cursor_of(state, lane).issued;
  const std::uint64_t address = trace::address_of(op.at);
  if (op.all.value()) {
    issued = {.pages = {}, .all = true};
  } else {
    if (address % kPageBytes != 0) return panic(Code::misaligned);
    if (op.pages.value() == 0) return panic(Code::empty_range);
    issue(issued, address / kPageBytes, op.pages.value());
  }
  return {{.results = {issued.pages.size(), issued.all ? 1u : 0u}}, {}};
}

bool allows(const State& state, Lane lane, const trace::TlbDispatch&) {
  return can_flush(state, lane);
}

Answer step(State& state, Lane lane, const trace::TlbDispatch&, const Answer&) {
  const Told told = dispatch(state, lane);
  return {{.results = {told.cpus, told.own ? 1u : 0u}}, {}};
}

bool allows(const State& state, Lane lane, const trace::TlbSync&) {
  return can_flush(state, lane) && !state.at_once;
}

Answer step(State& state, Lane lane, const trace::TlbSync&, const Answer&) {
  return {{.results = {wait_for_told(state, lane)}}, {}};
}

bool allows(const State&, Lane, const trace::CpuInterrupt&) { return true; }

Answer step(State& state, Lane lane, const trace::CpuInterrupt&, const Answer&) {
  return {{.results = {do_flushes(state, lane) ? 1u : 0u}}, {}};
}

}  // namespace reference
