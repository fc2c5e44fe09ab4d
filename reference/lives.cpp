// SPDX-License-Identifier: MPL-2.0
// What is required and promised where the life of a frame begins and ends.
#include "reference/conditions.h"

namespace reference {

using trace::Status;

namespace {

// The making of a frame at an address, as it was asked.
struct Making {
  std::uint64_t address = 0;
  trace::Kind kind{};
  std::uint64_t value = 0;
  std::variant<trace::Frame, trace::Unique> to{};
  bool is_unique() const { return std::holds_alternative<trace::Unique>(to); }
};

std::optional<Making> making_of(const Step& step) {
  const trace::Machine& machine = step.before.machine;
  if (const auto* op = as<trace::FrameFromUnused>(step)) {
    return Making{machine.address(op->at), op->kind, op->value.value(), op->to};
  }
  if (const auto* op = as<trace::UniqueFromUnused>(step)) {
    return Making{machine.address(op->at), op->kind, op->value.value(), op->to};
  }
  return std::nullopt;
}

// The pages that this step makes frames.
std::vector<Page> pages_made(const Step& step) {
  std::vector<Page> pages;
  if (!is_ok(step)) return pages;
  if (const auto making = making_of(step)) pages.push_back(making->address / kPageBytes);
  if (const auto* op = as<trace::SegmentFromUnused>(step)) {
    const trace::Machine& machine = step.before.machine;
    const Page end = machine.address(op->until) / kPageBytes;
    for (Page page = machine.address(op->at) / kPageBytes; page < end; ++page) {
      pages.push_back(page);
      if (page >= step.before.slots.size()) break;  // It is refused; there may be 2^52 more.
    }
  }
  const trace::PageList& taken = step.answer.choices.taken;
  if (as<trace::AllocFrame>(step) || as<trace::AllocSegment>(step)) {
    for (std::uint64_t i = 0; i < taken.count; ++i) pages.push_back(taken.page[0] + i);
  }
  return pages;
}

// The pages whose last owner goes in this step, for good.
std::vector<Page> pages_ended(const Step& step) {
  std::vector<Page> pages;
  if (!is_ok(step)) return pages;
  auto add_last = [&](const auto* shared) {
    if (shared == nullptr) return;
    for (const Page page : pages_of(*shared)) {
      if (step.before.slots[page].rc == 1) pages.push_back(page);
    }
  };
  auto add = [&](const Handle* unique) {
    if (unique != nullptr) pages.push_back(unique->page);
  };
  if (const auto* op = as<trace::FrameDrop>(step)) add_last(held_before(step, op->from));
  if (const auto* op = as<trace::SegmentDrop>(step)) add_last(held_before(step, op->from));
  if (const auto* op = as<trace::UniqueDrop>(step)) add(held_before(step, op->from));
  if (const auto* op = as<trace::UniqueReset>(step)) add(held_before(step, op->from));
  if (const auto* op = as<trace::ListDrop>(step)) {
    pages = step.before.held[step.lane].at(op->list).pages;
  }
  return pages;
}

}  // namespace

bool makes_of_an_unused_page(const Step& step) {
  return std::ranges::all_of(pages_made(step), [&](Page page) {
    if (page >= step.before.slots.size()) return false;
    const Slot& slot = step.before.slots[page];
    return slot.rc == kUnused && slot.parked && !slot.vtable && !slot.storage &&
           slot.in_list == 0 && !is_on_path(step.before, page);
  });
}

bool makes_a_frame(const Step& step) {
  if (!allocates_a_frame(step)) return false;
  const auto making = making_of(step);
  if (!making) return true;
  if (!is_aligned(making->address)) return refuses(step, Status::not_aligned);
  if (!is_within(step.before, making->address)) return refuses(step, Status::out_of_bound);

  const Page page = making->address / kPageBytes;
  switch (status_of(step.before.slots[page].rc)) {
    case SlotStatus::unique: return refuses(step, Status::unique);
    case SlotStatus::under_construction: return refuses(step, Status::busy);
    case SlotStatus::shared:
    case SlotStatus::overflow: return refuses(step, Status::in_use);
    case SlotStatus::unused: break;
  }
  const Slot& slot_made = step.after.slots[page];
  return answers(step) && is_made_of(slot_made.storage, making->kind, making->value) &&
         changes_only(step, [&](State& state, Held& held) {
           make(state.slots[page], making->kind, making->is_unique() ? kUnique : 1);
           state.slots[page].storage = slot_made.storage;
           state.slots[page].in_list = 0;
           std::visit([&](auto to) { held.at(to) = Handle{page, Knows::kind, making->kind}; },
                      making->to);
         });
}

bool drops_what_can_be_dropped(const Step& step) {
  const auto* const op = as<trace::FrameDrop>(step);
  if (op == nullptr || !is_ok(step)) return true;
  const Handle* const handle = held_before(step, op->from);
  if (handle == nullptr) return false;
  const Slot& slot = step.before.slots[handle->page];
  if (slot.rc == 0 || slot.rc > kMost) return false;
  return slot.rc > 1 ||
         (!is_on_path(step.before, handle->page) && slot.storage && slot.in_list == 0);
}

bool drops_a_frame(const Step& step) {
  const auto* const op = as<trace::FrameDrop>(step);
  if (op == nullptr) return true;
  const Handle* const handle = held_before(step, op->from);
  if (handle == nullptr) return true;  // PRE-4 speaks of that.
  const Page page = handle->page;
  const Slot& slot = step.before.slots[page];

  if (slot.rc != 1) {
    constexpr Ends kNone;
    return answers(step, {0, 0, 0, kNone.found, kNone.found, 0}) &&
           changes_only(step, [&](State& state, Held& held) {
             state.slots[page].rc -= 1;
             held.at(op->from).reset();
           });
  }
  if (handle->is_dynamic() && stays_with_last(slot.usage)) {
    return refuses(step, Status::panicked, trace::Code::last_handle);
  }
  State fallen = step.before;
  Fall all{fallen};
  fall(all, page);
  const Ends& end = all.ends;
  return answers(step, {1, end.count, end.count, end.found, end.found, end.sum}, all.choices) &&
         changes_only(step, [&](State& state, Held& held) {
           state = fallen;
           take_as_ended(step, state);
           held.at(op->from).reset();
         });
}

// The count is taken to 0 before the end begins: from 1 by a drop, or from unique. The frames of a
// list are taken out of it first.
bool ends_what_can_be_ended(const Step& step) {
  const auto* const drop = as<trace::ListDrop>(step);
  const std::uint64_t left = drop ? step.before.held[step.lane].at(drop->list).id : 0;
  return std::ranges::all_of(pages_ended(step), [&](Page page) {
    const Slot& slot = step.before.slots[page];
    return (slot.rc == 1 || slot.rc == kUnique) && slot.storage && slot.in_list == left &&
           !is_on_path(step.before, page);
  });
}

bool leaves_a_free_slot(const Step& step) {
  return std::ranges::all_of(pages_ended(step), [&](Page page) {
    Slot wanted;
    wanted.address = step.before.slots[page].address;
    return step.after.slots[page] == wanted;
  });
}

bool repurposes_in_place(const Step& step) {
  const auto* const op = as<trace::UniqueRepurpose>(step);
  if (op == nullptr) return true;
  const Handle* const handle = held_before(step, op->from);
  if (handle == nullptr) return false;
  const Page page = handle->page;
  const Slot& slot_made = step.after.slots[page];
  State fallen = step.before;
  Fall all{fallen};
  fall_below(all, page, Status::unique);
  const Ends& end = all.ends;
  return answers(step, {end.count, end.count, end.found, end.found, end.sum}, all.choices) &&
         is_made_of(slot_made.storage, op->kind, op->value.value()) &&
         changes_only(step, [&](State& state, Held& held) {
           state = fallen;
           make(state.slots[page], op->kind, kUnique);
           state.slots[page].storage = slot_made.storage;
           held.at(op->from) = Handle{page, Knows::kind, op->kind};
         });
}

bool gives_a_unique_page_up(const Step& step) {
  const auto* const drop = as<trace::UniqueDrop>(step);
  const auto* const reset = as<trace::UniqueReset>(step);
  if (drop == nullptr && reset == nullptr) return true;
  const trace::Unique from = drop != nullptr ? drop->from : reset->from;
  const Handle* const handle = held_before(step, from);
  if (handle == nullptr) return false;
  const Page page = handle->page;
  State fallen = step.before;
  Fall all{fallen};
  fall_below(all, page);
  be_unused(fallen, page);
  if (drop != nullptr) all.choices.given.push(page);
  const Ends& end = all.ends;
  return answers(step, {end.count, end.count, end.found, end.found, end.sum}, all.choices) &&
         changes_only(step, [&](State& state, Held& held) {
           state = fallen;
           state.slots[page] = step.after.slots[page];  // POST-5 speaks of that.
           held.at(from).reset();
         });
}

}  // namespace reference
