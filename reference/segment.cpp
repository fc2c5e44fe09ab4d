// SPDX-License-Identifier: MPL-2.0
// Segments. What several pages take part in is one phase: segments are asked of one lane at a time.
#include "reference/model.h"

namespace reference {

using trace::Status;

namespace {

Answer range_of(const Run& run) {
  return {{.results = {run.first * kPageBytes, run.end() * kPageBytes}}, {}};
}

// One more segment of some of a segment's pages.
Answer add_part(State& state, const Run& part, std::optional<Run>& to) {
  for (Page page = part.first; page < part.end(); ++page) {
    if (state.slots[page].rc >= kMost) return abort(state);
  }
  for (Page page = part.first; page < part.end(); ++page) {
    state.touched.insert(page);
    state.slots[page].rc += 1;
  }
  to = part;
  return {};
}

// Gives the counts of a run up, each as a frame's handle is.
void drop_each(State& state, const Run& run, Answer& answer, std::size_t first) {
  for (Page page = run.first; page < run.end(); ++page) {
    state.touched.insert(page);
    if (state.slots[page].rc > 1) {
      state.slots[page].rc -= 1;
    } else {
      end_at_once(state, page, answer, first);
    }
  }
}

}  // namespace

// Of the allocator's pages none may be named, unless that is refused before any page is looked at.
bool allows(const State& state, Lane lane, const trace::SegmentFromUnused& op) {
  if (state.held[lane].has(op.to)) return false;
  const std::uint64_t start = state.machine.address(op.at);
  const std::uint64_t end = state.machine.address(op.until);
  if (start % kPageBytes != 0 || end % kPageBytes != 0 || start >= end) return true;
  return end / kPageBytes > state.slots.size() || end / kPageBytes <= state.machine.loose.raw;
}

Answer step(State& state, Lane lane, const trace::SegmentFromUnused& op, const Answer&) {
  const std::uint64_t start = state.machine.address(op.at);
  const std::uint64_t end = state.machine.address(op.until);
  Answer answer;
  note_no_end(answer, 2);
  if (start % kPageBytes != 0 || end % kPageBytes != 0) {
    answer.reply.status = Status::not_aligned;
    return answer;
  }
  if (end / kPageBytes > state.slots.size()) {
    answer.reply.status = Status::out_of_bound;
    return answer;
  }
  if (start >= end) return panic(trace::Code::empty_range);

  Run made_so_far{start / kPageBytes, 0, Knows::kind, op.kind};
  std::uint64_t& calls = answer.reply.results[0];
  for (Page page = made_so_far.first; page < end / kPageBytes; ++page) {
    const Metadata metadata = made(op.kind, op.value.value() + calls++);
    if (const Status why = claim_at_once(state, page, metadata); why != Status::ok) {
      drop_each(state, made_so_far, answer, 2);
      answer.reply.status = why;
      return answer;
    }
    made_so_far.count += 1;
  }
  state.held[lane].at(op.to) = made_so_far;
  return answer;
}

bool allows(const State& state, Lane lane, const trace::SegmentSplit& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentSplit& op, const Answer&) {
  Held& held = state.held[lane];
  Run& from = *held.at(op.from);
  const std::uint64_t at = op.at.value();
  if (at % kPageBytes != 0 || at == 0 || at / kPageBytes >= from.count) {
    return panic(trace::Code::bad_split);
  }
  Run back = from;
  back.first += at / kPageBytes;
  back.count -= at / kPageBytes;
  from.count = at / kPageBytes;
  held.at(op.to) = back;
  return {};
}

bool allows(const State& state, Lane lane, const trace::SegmentSlice& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentSlice& op, const Answer&) {
  Held& held = state.held[lane];
  const Run& from = *held.at(op.from);
  const std::uint64_t begin = op.begin.value();
  const std::uint64_t end = op.end.value();
  if (begin % kPageBytes != 0 || end % kPageBytes != 0 || begin > end ||
      end / kPageBytes > from.count) {
    return panic(trace::Code::bad_slice);
  }
  Run part = from;
  part.first += begin / kPageBytes;
  part.count = (end - begin) / kPageBytes;
  return add_part(state, part, held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::SegmentNext& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentNext& op, const Answer&) {
  Held& held = state.held[lane];
  Run& from = *held.at(op.from);
  if (from.count == 0) return {{Status::none}, {}};
  held.at(op.to) = from.handle_of(from.first);
  from.first += 1;
  from.count -= 1;
  return {{.results = {held.at(op.to)->page * kPageBytes}}, {}};
}

bool allows(const State& state, Lane lane, const trace::SegmentClone& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentClone& op, const Answer&) {
  Held& held = state.held[lane];
  return add_part(state, *held.at(op.from), held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::SegmentDrop& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::SegmentDrop& op, const Answer&) {
  std::optional<Run>& from = state.held[lane].at(op.from);
  // All pages of a segment have one usage, since they have one kind.
  const bool is_dynamic = from->knows == Knows::nothing;
  if (is_dynamic && from->count > 0 && keeps_last_handle(state.slots[from->first].usage)) {
    return panic(trace::Code::last_handle);
  }
  Answer answer;
  note_no_end(answer, 0);
  drop_each(state, *from, answer, 0);
  from.reset();
  return answer;
}

bool allows(const State& state, Lane lane, const trace::SegmentIntoRaw& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentIntoRaw& op, const Answer&) {
  Held& held = state.held[lane];
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return range_of(*held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::SegmentFromRaw& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentFromRaw& op, const Answer&) {
  Held& held = state.held[lane];
  held.at(op.to) = std::exchange(held.at(op.from), std::nullopt);
  return range_of(*held.at(op.to));
}

bool allows(const State& state, Lane lane, const trace::SegmentToDyn& op) {
  const std::optional<Run>& from = state.held[lane].at(op.from);
  return from && from->knows != Knows::nothing;
}

Answer step(State& state, Lane lane, const trace::SegmentToDyn& op, const Answer&) {
  Run& run = *state.held[lane].at(op.from);
  run = {run.first, run.count};
  return {};
}

bool allows(const State& state, Lane lane, const trace::SegmentTryFrom& op) {
  const std::optional<Run>& from = state.held[lane].at(op.from);
  return from && from->knows == Knows::nothing;
}

Answer step(State& state, Lane lane, const trace::SegmentTryFrom& op, const Answer&) {
  Run& run = *state.held[lane].at(op.from);
  if (run.count > 0 && state.slots[run.first].vtable != op.kind) return {{Status::wrong_kind}, {}};
  run = {run.first, run.count, Knows::kind, op.kind};
  return {};
}

bool allows(const State& state, Lane lane, const trace::SegmentToUntyped& op) {
  const std::optional<Run>& from = state.held[lane].at(op.from);
  if (!from) return false;
  return from->knows == Knows::nothing ||
         (from->knows == Knows::kind && trace::is_untyped(from->kind));
}

Answer step(State& state, Lane lane, const trace::SegmentToUntyped& op, const Answer&) {
  Run& run = *state.held[lane].at(op.from);
  if (run.count > 0 && !trace::is_untyped(*state.slots[run.first].vtable)) {
    return {{Status::wrong_kind}, {}};
  }
  run = {run.first, run.count, Knows::untyped};
  return {};
}

bool allows(const State& state, Lane lane, const trace::SegmentFromFrame& op) {
  return state.held[lane].has(op.from) && !state.held[lane].has(op.to);
}

Answer step(State& state, Lane lane, const trace::SegmentFromFrame& op, const Answer&) {
  Held& held = state.held[lane];
  const Handle from = *std::exchange(held.at(op.from), std::nullopt);
  held.at(op.to) = Run{from.page, 1, from.knows, from.kind};
  return {};
}

bool allows(const State& state, Lane lane, const trace::SegmentRange& op) {
  return state.held[lane].has(op.from);
}

Answer step(State& state, Lane lane, const trace::SegmentRange& op, const Answer&) {
  const Run& run = *state.held[lane].at(op.from);
  Answer answer = range_of(run);
  answer.reply.results[2] = run.count * kPageBytes;
  return answer;
}

}  // namespace reference
