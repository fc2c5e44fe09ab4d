// SPDX-License-Identifier: MPL-2.0
// What is required and promised of segments.
#include "reference/conditions.h"

namespace reference {

using trace::Answer;
using trace::Status;

namespace {

// A segment of pages, each with one handle of a kind.
Run typed(Page first, Page end, trace::Kind kind) {
  return {first, end - first, Knows::kind, kind};
}

// Whether a page that nobody had is now a shared frame of a kind made with a value.
bool is_made(const Step& step, Page page, trace::Kind kind, std::uint64_t value) {
  return step.before.slots[page].rc == kUnused &&
         is_made_of(step.after.slots[page].storage, kind, value);
}

// The pages were made of a kind, one after another, and are the segment's.
bool makes_all(const Step& step, const trace::SegmentFromUnused& op, const Run& run) {
  for (std::uint64_t i = 0; i < run.count; ++i) {
    if (!is_made(step, run.first + i, op.kind, op.value.value() + i)) return false;
  }
  constexpr Ends kNone;
  return answers(step, {run.count, 0, 0, 0, kNone.found, kNone.found, 0}) &&
         changes_only(step, [&](State& state, Held& held) {
           for (const Page page : pages_of(run)) {
             make(state.slots[page], op.kind, 1);
             state.slots[page].storage = step.after.slots[page].storage;
           }
           held.at(op.to) = run;
         });
}

// The pages before the first that was not unused were made, and ended again: what is left of that
// is what the allocator was told, and got.
bool makes_and_ends(const Step& step, const trace::SegmentFromUnused& op, const Run& run) {
  std::uint64_t calls = 0;
  while (step.before.slots[run.first + calls].rc == kUnused) ++calls;
  Status why = Status::in_use;
  if (step.before.slots[run.first + calls].rc == kUnique) why = Status::unique;
  if (step.before.slots[run.first + calls].rc == 0) why = Status::busy;
  const Run ended = typed(run.first, run.first + calls, op.kind);

  State made = step.before;
  for (const Page page : pages_of(ended)) make(made.slots[page], op.kind, 1);
  const Ends ends = ends_of(made, pages_of(ended));
  Answer wanted{{.status = why}, given(pages_of(ended))};
  wanted.reply.results = {calls + 1, 0, ends.count, ends.count, ends.found, ends.found, ends.sum};
  return is_answer(step, wanted) && changes_nothing(step);
}

bool makes_a_segment_at(const Step& step, const trace::SegmentFromUnused& op) {
  const std::uint64_t start = step.before.machine.address(op.at);
  const std::uint64_t end = step.before.machine.address(op.until);
  Answer nothing_done;
  constexpr Ends kNone;
  nothing_done.reply.results = {0, 0, 0, 0, kNone.found, kNone.found, 0};
  if (!is_aligned(start) || !is_aligned(end)) {
    nothing_done.reply.status = Status::not_aligned;
    return step.answer == nothing_done && changes_nothing(step);
  }
  if (end > step.before.machine.pages.raw * kPageBytes) {
    nothing_done.reply.status = Status::out_of_bound;
    return step.answer == nothing_done && changes_nothing(step);
  }
  if (start >= end) return refuses(step, Status::panicked, trace::Code::empty_range);

  const Run run = typed(start / kPageBytes, end / kPageBytes, op.kind);
  const bool all_unused = std::ranges::all_of(
      pages_of(run), [&](Page page) { return step.before.slots[page].rc == kUnused; });
  return all_unused ? makes_all(step, op, run) : makes_and_ends(step, op, run);
}

bool makes_of_a_frame(const Step& step, const trace::SegmentFromFrame& op) {
  const Handle* const handle = held_before(step, op.from);
  return handle != nullptr && answers(step) && changes_only(step, [&](State&, Held& held) {
           held.at(op.from).reset();
           held.at(op.to) = Run{handle->page, 1, handle->knows, handle->kind};
         });
}

// One more segment, of some of the pages of one: each of these has one owner more.
bool adds_like(const Step& step, trace::Segment to, const Run& part) {
  const bool is_full = std::ranges::any_of(
      pages_of(part), [&](Page page) { return step.before.slots[page].rc >= kMost; });
  if (is_full) return aborts(step);
  return answers(step) && changes_only(step, [&](State& state, Held& held) {
           for (const Page page : pages_of(part)) state.slots[page].rc += 1;
           held.at(to) = part;
         });
}

bool covers_live_frames(const State& state, const Run& run) {
  if (run.first > state.slots.size() || run.count > state.slots.size() - run.first) return false;
  return std::ranges::all_of(pages_of(run), [&](Page page) {
    const Slot& slot = state.slots[page];
    const bool is_node = run.knows == Knows::nothing && state.nodes.contains(page);
    return slot.rc >= 1 && slot.rc <= kMost && (is_node || is_frame(slot.usage));
  });
}

}  // namespace

bool segments_cover_live_frames(const State& state) {
  return std::ranges::all_of(state.held, [&](const Held& held) {
    auto covers = [&](const std::optional<Run>& run) {
      return !run || covers_live_frames(state, *run);
    };
    return std::ranges::all_of(held.segments, covers) &&
           std::ranges::all_of(held.raw_segments, covers);
  });
}

bool tells_the_range(const Step& step) {
  const auto* const op = as<trace::SegmentRange>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  return run != nullptr && changes_nothing(step) &&
         answers(step, {run->first * kPageBytes, run->end() * kPageBytes, run->count * kPageBytes});
}

bool makes_a_segment(const Step& step) {
  if (const auto* op = as<trace::SegmentFromUnused>(step)) return makes_a_segment_at(step, *op);
  if (const auto* op = as<trace::SegmentFromFrame>(step)) return makes_of_a_frame(step, *op);
  return allocates_a_segment(step);
}

bool splits_a_segment(const Step& step) {
  const auto* const op = as<trace::SegmentSplit>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  if (run == nullptr) return false;
  const std::uint64_t at = op->at.value();
  if (!is_aligned(at) || at == 0 || at >= run->count * kPageBytes) {
    return refuses(step, Status::panicked, trace::Code::bad_split);
  }
  const Page middle = run->first + at / kPageBytes;
  return answers(step) && changes_only(step, [&](State&, Held& held) {
           held.at(op->from)->count = middle - run->first;
           held.at(op->to) = Run{middle, run->end() - middle, run->knows, run->kind};
         });
}

bool clones_a_segment(const Step& step) {
  const auto* const op = as<trace::SegmentClone>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  return run != nullptr && adds_like(step, op->to, *run);
}

bool slices_a_segment(const Step& step) {
  const auto* const op = as<trace::SegmentSlice>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  if (run == nullptr) return false;
  const std::uint64_t begin = op->begin.value();
  const std::uint64_t end = op->end.value();
  const bool is_within = begin <= end && end <= run->count * kPageBytes;
  if (!is_aligned(begin) || !is_aligned(end) || !is_within) {
    return refuses(step, Status::panicked, trace::Code::bad_slice);
  }
  return adds_like(
      step, op->to,
      {run->first + begin / kPageBytes, (end - begin) / kPageBytes, run->knows, run->kind});
}

bool takes_the_first_frame(const Step& step) {
  const auto* const op = as<trace::SegmentNext>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  if (run == nullptr) return false;
  if (run->count == 0) return refuses(step, Status::none);
  return answers(step, {run->first * kPageBytes}) && changes_only(step, [&](State&, Held& held) {
           held.at(op->from)->first += 1;
           held.at(op->from)->count -= 1;
           held.at(op->to) = Handle{run->first, run->knows, run->kind};
         });
}

bool drops_a_segment(const Step& step) {
  const auto* const op = as<trace::SegmentDrop>(step);
  if (op == nullptr) return true;
  const Run* const run = held_before(step, op->from);
  if (run == nullptr) return false;
  const State& before = step.before;
  const bool is_dynamic = run->knows == Knows::nothing;
  if (is_dynamic && std::ranges::any_of(pages_of(*run), [&](Page page) {
        return stays_with_last(before.slots[page].usage);
      })) {
    return refuses(step, Status::panicked, trace::Code::last_handle);
  }
  State fallen = before;
  Fall all{fallen};
  for (const Page page : pages_of(*run)) fall(all, page);
  const Ends& ends = all.ends;
  return answers(step, {ends.count, ends.count, ends.found, ends.found, ends.sum}, all.choices) &&
         changes_only(step, [&](State& state, Held& held) {
           state = fallen;
           take_as_ended(step, state);
           held.at(op->from).reset();
         });
}

}  // namespace reference
