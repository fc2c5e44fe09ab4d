// SPDX-License-Identifier: MPL-2.0
// What is promised of operations on handles of a frame that lives.
#include "reference/conditions.h"

namespace reference {

using trace::Status;

namespace {

// Adds a handle like the one in `from`, to `to`: by a clone of any sort.
bool adds_like(const Step& step, auto from, auto to) {
  const Handle* const handle = held_before(step, from);
  if (handle == nullptr) return false;
  const Slot& slot = step.before.slots[handle->page];
  if (slot.rc >= kMost) return aborts(step);
  return slot.rc >= 1 && answers(step) && changes_only(step, [&](State& state, Held& held) {
           state.slots[handle->page].rc += 1;
           held.at(to) = *handle;
         });
}

// Moves what is in `from` to `to`, and tells its address: a segment's start and end.
bool moves(const Step& step, auto from, auto to) {
  const auto* const moved = held_before(step, from);
  if (moved == nullptr) return false;
  const std::uint64_t start = *pages_of(*moved).begin() * kPageBytes;
  const std::uint64_t end = *pages_of(*moved).end() * kPageBytes;
  constexpr bool kIsSegment = std::is_same_v<decltype(moved), const Run* const>;
  return answers(step, {start, kIsSegment ? end : 0}) &&
         changes_only(step, [&](State&, Held& held) {
           held.at(from).reset();
           held.at(to) = *moved;
         });
}

// What is in `place` knows something else from now on, and that is all.
bool only_learns(const Step& step, auto place, Knows knows, trace::Kind kind = {}) {
  return answers(step) && changes_only(step, [&](State&, Held& held) {
           held.at(place)->knows = knows;
           held.at(place)->kind = kind;
         });
}

bool forgets(const Step& step, auto from) {
  return held_before(step, from) != nullptr && only_learns(step, from, Knows::nothing);
}

// It learns that all its pages are of a kind, or of one for users, exactly if they are.
bool learns_if(const Step& step, auto from, auto&& is_so, Knows knows, trace::Kind kind = {}) {
  const auto* const learner = held_before(step, from);
  if (learner == nullptr) return false;
  const bool all_are = std::ranges::all_of(pages_of(*learner), [&](Page page) {
    const std::optional<trace::Kind>& vtable = step.before.slots[page].vtable;
    return vtable && is_so(*vtable);
  });
  return all_are ? only_learns(step, from, knows, kind) : refuses(step, Status::wrong_kind);
}

bool becomes_typed(const Step& step, auto from, trace::Kind kind) {
  auto is_so = [&](trace::Kind found) { return found == kind; };
  return learns_if(step, from, is_so, Knows::kind, kind);
}

bool becomes_untyped(const Step& step, auto from) {
  auto is_so = [](trace::Kind found) {
    return found.name == trace::KindName::empty || found.name == trace::KindName::link_empty;
  };
  return learns_if(step, from, is_so, Knows::untyped);
}

bool reads(const Step& step, auto place) {
  const Handle* const handle = held_before(step, place);
  return handle != nullptr && changes_nothing(step) &&
         answers_with(step, step.before.slots[handle->page]);
}

bool borrower_has_owner(const Step& step, trace::Frame from) {
  const Handle* const owner = held_before(step, from);
  if (owner == nullptr || step.after.held[step.lane].at(from) != *owner) return false;
  auto lives_in = [&](const State& state) {
    const SlotStatus status = status_of(state.slots[owner->page].rc);
    return status != SlotStatus::unused && status != SlotStatus::under_construction;
  };
  return lives_in(step.before) && lives_in(step.after);
}

}  // namespace

bool joins_a_frame(const Step& step) {
  const auto* const op = as<trace::FrameFromInUse>(step);
  if (op == nullptr) return true;
  const std::uint64_t address = step.before.machine.address(op->at);
  if (!is_aligned(address)) return refuses(step, Status::not_aligned);
  if (!is_within(step.before, address)) return refuses(step, Status::out_of_bound);

  const Page page = address / kPageBytes;
  const Slot& slot = step.before.slots[page];
  const bool is_allocators = step.before.machine.is_allocators(address);
  auto refuses_as = [&](Status why) {
    // The allocator may use its own pages as it likes.
    return refuses(step, why) ||
           (is_allocators && (refuses(step, Status::unused) || refuses(step, Status::busy) ||
                              refuses(step, Status::unique)));
  };
  switch (status_of(slot.rc)) {
    case SlotStatus::unused: return refuses_as(Status::unused);
    case SlotStatus::under_construction: return refuses_as(Status::busy);
    case SlotStatus::unique: return refuses(step, Status::unique);
    case SlotStatus::overflow: return aborts(step);
    case SlotStatus::shared: break;
  }
  if (slot.rc == kMost) return aborts(step);
  return answers_with(step, slot) && changes_only(step, [&](State& state, Held& held) {
           state.slots[page].rc += 1;
           held.at(op->to) = Handle{page, Knows::nothing};
         });
}

bool adds_a_count(const Step& step) {
  if (const auto* op = as<trace::FrameClone>(step)) return adds_like(step, op->from, op->to);
  if (const auto* op = as<trace::FrameBorrowClone>(step)) return adds_like(step, op->from, op->to);
  if (const auto* op = as<trace::FrameIncRaw>(step)) return adds_like(step, op->from, op->to);
  return true;
}

bool moves_to_and_from_raw(const Step& step) {
  if (const auto* op = as<trace::FrameIntoRaw>(step)) return moves(step, op->from, op->to);
  if (const auto* op = as<trace::FrameFromRaw>(step)) return moves(step, op->from, op->to);
  if (const auto* op = as<trace::SegmentIntoRaw>(step)) return moves(step, op->from, op->to);
  if (const auto* op = as<trace::SegmentFromRaw>(step)) return moves(step, op->from, op->to);
  return true;
}

bool looks_without_a_change(const Step& step) {
  if (const auto* op = as<trace::FrameBorrow>(step)) {
    const Handle* const owner = held_before(step, op->from);
    if (owner == nullptr) return false;
    const Slot& slot = step.before.slots[owner->page];
    return slot.vtable && changes_nothing(step) &&
           answers(step, {owner->page * kPageBytes, slot.rc,
                          static_cast<std::uint64_t>(slot.vtable->name)});
  }
  if (const auto* op = as<trace::FrameEqual>(step)) {
    const Handle* const left = held_before(step, op->left);
    const Handle* const right = held_before(step, op->right);
    return left != nullptr && right != nullptr && changes_nothing(step) &&
           answers(step, {left->page == right->page ? std::uint64_t{1} : 0});
  }
  return true;
}

bool borrows_from_a_live_owner(const Step& step) {
  if (!is_ok(step)) return true;
  if (const auto* op = as<trace::FrameBorrow>(step)) return borrower_has_owner(step, op->from);
  if (const auto* op = as<trace::FrameBorrowClone>(step)) return borrower_has_owner(step, op->from);
  return true;
}

bool converts_by_type(const Step& step) {
  if (const auto* op = as<trace::FrameToDyn>(step)) return forgets(step, op->from);
  if (const auto* op = as<trace::FrameTryFrom>(step))
    return becomes_typed(step, op->from, op->kind);
  if (const auto* op = as<trace::FrameToUntyped>(step)) return becomes_untyped(step, op->from);
  if (const auto* op = as<trace::SegmentToDyn>(step)) return forgets(step, op->from);
  if (const auto* op = as<trace::SegmentTryFrom>(step)) {
    return becomes_typed(step, op->from, op->kind);
  }
  if (const auto* op = as<trace::SegmentToUntyped>(step)) return becomes_untyped(step, op->from);
  return true;
}

bool reads_what_is_there(const Step& step) {
  if (const auto* op = as<trace::FrameReadMeta>(step)) return reads(step, op->from);
  if (const auto* op = as<trace::UniqueReadMeta>(step)) return reads(step, op->from);
  if (const auto* op = as<trace::FrameUsage>(step)) {
    const Handle* const handle = held_before(step, op->from);
    if (handle == nullptr) return false;
    const Slot& slot = step.before.slots[handle->page];
    return slot.vtable && slot.usage == usage_of(*slot.vtable) && changes_nothing(step) &&
           answers(step, {static_cast<std::uint64_t>(slot.usage)});
  }
  return true;
}

bool tells_the_count(const Step& step) {
  if (const auto* op = as<trace::FrameCount>(step)) {
    const Handle* const handle = held_before(step, op->from);
    return handle != nullptr && changes_nothing(step) &&
           answers(step, {books_of(step.before)[handle->page].shared()});
  }
  if (const auto* op = as<trace::FrameCountPreload>(step)) {
    const Handle* const handle = held_before(step, op->from);
    if (handle == nullptr || !answers(step)) return false;
    const std::uint64_t room = kMost - step.before.slots[handle->page].rc;
    const std::uint64_t more = op->more.value() <= room ? op->more.value() : 0;
    return changes_only(step, [&](State& state, Held&) {
      state.slots[handle->page].rc += more;
      state.slots[handle->page].phantoms += more;
    });
  }
  return true;
}

bool becomes_shared(const Step& step) {
  const auto* const op = as<trace::UniqueIntoShared>(step);
  if (op == nullptr) return true;
  const Handle* const handle = held_before(step, op->from);
  return handle != nullptr && step.before.slots[handle->page].rc == kUnique && answers(step) &&
         changes_only(step, [&](State& state, Held& held) {
           state.slots[handle->page].rc = 1;
           state.slots[handle->page].parked = true;
           held.at(op->from).reset();
           held.at(op->to) = *handle;
         });
}

bool becomes_unique_if_alone(const Step& step) {
  const auto* const op = as<trace::UniqueTryFromFrame>(step);
  if (op == nullptr) return true;
  const Handle* const handle = held_before(step, op->from);
  if (handle == nullptr) return false;
  if (step.before.slots[handle->page].rc != 1) return refuses(step, Status::shared);
  return answers(step) && changes_only(step, [&](State& state, Held& held) {
           state.slots[handle->page].rc = kUnique;
           state.slots[handle->page].parked = false;
           held.at(op->from).reset();
           held.at(op->to) = *handle;
         });
}

bool writes_in_place(const Step& step) {
  if (const auto* op = as<trace::UniqueWriteMeta>(step)) {
    const Handle* const handle = held_before(step, op->from);
    if (handle == nullptr || !answers(step)) return false;
    const std::optional<Metadata>& written = step.after.slots[handle->page].storage;
    return is_made_of(written, handle->kind, op->value.value()) &&
           changes_only(step,
                        [&](State& state, Held&) { state.slots[handle->page].storage = written; });
  }
  if (const auto* op = as<trace::UniqueToDyn>(step)) return forgets(step, op->from);
  return true;
}

}  // namespace reference
