// SPDX-License-Identifier: MPL-2.0
// What is required and promised where the life of a frame begins and ends.
#include "reference/conditions.h"

namespace reference {

using trace::Answer;
using trace::Status;

namespace {

// What is told of one end of metadata: that its on_drop ran once, then its destructor once, and
// that an on_drop that asked for its own page was refused it as `refusal`.
struct End {
  std::uint64_t on_drops = 1;
  std::uint64_t destroyed = 1;
  std::uint64_t found = 0;  // By asking from_unused, and from_in_use.
  std::uint64_t sum = 0;
};
End end_of(const Slot& slot, Page page, Status refusal) {
  const trace::KindName kind = slot.vtable.value_or(trace::Kind{}).name;
  const bool asks = kind == trace::KindName::reentrant;
  return {.found = static_cast<std::uint64_t>(asks ? refusal : Status::passed_over),
          .sum = kind == trace::KindName::reader ? page % 256 * kPageBytes : 0};
}

trace::Choices given(Page page) {
  trace::Choices choices;
  choices.given.push(page);
  return choices;
}

// What the allocator has afterwards if a page was given up to it: no loose page ever.
void give_up(State& state, Page page) {
  if (state.machine.is_allocators(page * kPageBytes)) state.free.insert(page);
}

// The making of a frame, as it was asked: by address, or at a page that the allocator chose.
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
  const trace::PageList& taken = step.answer.choices.taken;
  if (const auto* op = as<trace::AllocFrame>(step); op != nullptr && taken.count > 0) {
    return Making{taken.page[0] * kPageBytes, op->kind, op->value.value(), op->to};
  }
  return std::nullopt;
}

// The page whose last owner goes in this step, for good.
std::optional<Page> page_ended(const Step& step) {
  const Handle* handle = nullptr;
  if (!is_ok(step)) return std::nullopt;
  if (const auto* op = as<trace::FrameDrop>(step)) {
    handle = held_before(step, op->from);
    if (handle != nullptr && step.before.slots[handle->page].rc != 1) return std::nullopt;
  }
  if (const auto* op = as<trace::UniqueDrop>(step)) handle = held_before(step, op->from);
  if (const auto* op = as<trace::UniqueReset>(step)) handle = held_before(step, op->from);
  return handle == nullptr ? std::nullopt : std::optional(handle->page);
}

}  // namespace

bool makes_of_an_unused_page(const Step& step) {
  const auto making = making_of(step);
  if (!making || !is_ok(step)) return true;
  if (!is_aligned(making->address) || !is_within(step.before, making->address)) return false;
  const Page page = making->address / kPageBytes;
  const Slot& slot = step.before.slots[page];
  return slot.rc == kUnused && slot.parked && !slot.vtable && !slot.storage && slot.in_list == 0 &&
         !is_on_path(step.before, page);
}

bool makes_a_frame(const Step& step) {
  const bool by_allocator = as<trace::AllocFrame>(step) != nullptr;
  const auto making = making_of(step);
  if (!making) {
    if (!by_allocator) return true;
    Answer wanted{{.status = Status::no_memory}, {}};
    wanted.choices.refused = 1;
    return step.before.free.empty() && step.answer == wanted && changes_nothing(step);
  }
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
  Answer wanted;
  if (by_allocator) {
    if (!step.before.free.contains(page)) return false;
    wanted.reply.results[0] = making->address;
    wanted.choices.taken.push(page);
  }
  const Slot& made_slot = step.after.slots[page];
  return step.answer == wanted && is_made_of(made_slot.storage, making->kind, making->value) &&
         changes_only(step, [&](State& state, Held& held) {
           Slot& slot = state.slots[page];
           slot.rc = making->is_unique() ? kUnique : 1;
           slot.parked = !making->is_unique();
           slot.usage = usage_of(making->kind);
           slot.vtable = making->kind;
           slot.storage = made_slot.storage;
           slot.in_list = 0;
           std::visit([&](auto to) { held.at(to) = Handle{page, Knows::kind, making->kind}; },
                      making->to);
           if (by_allocator) state.free.erase(page);
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
    constexpr auto kNotAsked = static_cast<std::uint64_t>(Status::passed_over);
    return answers(step, {0, 0, 0, kNotAsked, kNotAsked, 0}) &&
           changes_only(step, [&](State& state, Held& held) {
             state.slots[page].rc -= 1;
             held.at(op->from).reset();
           });
  }
  const trace::Usage usage = slot.usage;
  const bool must_stay = usage == trace::Usage::unused || usage == trace::Usage::reserved ||
                         usage == trace::Usage::kernel || usage == trace::Usage::meta;
  if (handle->is_dynamic() && must_stay) {
    return refuses(step, Status::panicked, trace::Code::last_handle);
  }
  const End end = end_of(slot, page, Status::busy);
  return answers(step, {1, end.on_drops, end.destroyed, end.found, end.found, end.sum},
                 given(page)) &&
         changes_only(step, [&](State& state, Held& held) {
           state.slots[page] = step.after.slots[page];  // POST-5 speaks of that.
           held.at(op->from).reset();
           give_up(state, page);
         });
}

// The count is taken to 0 before the end begins: from 1 by a drop, or from unique.
bool ends_what_can_be_ended(const Step& step) {
  const auto page = page_ended(step);
  if (!page) return true;
  const Slot& slot = step.before.slots[*page];
  return (slot.rc == 1 || slot.rc == kUnique) && slot.storage && slot.in_list == 0 &&
         !is_on_path(step.before, *page);
}

bool leaves_a_free_slot(const Step& step) {
  const auto page = page_ended(step);
  if (!page) return true;
  Slot wanted;
  wanted.address = step.before.slots[*page].address;
  return step.after.slots[*page] == wanted;
}

bool repurposes_in_place(const Step& step) {
  const auto* const op = as<trace::UniqueRepurpose>(step);
  if (op == nullptr) return true;
  const Handle* const handle = held_before(step, op->from);
  if (handle == nullptr) return false;
  const Page page = handle->page;
  const Slot& slot_made = step.after.slots[page];
  const End end = end_of(step.before.slots[page], page, Status::unique);
  return answers(step, {end.on_drops, end.destroyed, end.found, end.found, end.sum}) &&
         is_made_of(slot_made.storage, op->kind, op->value.value()) &&
         changes_only(step, [&](State& state, Held& held) {
           Slot& slot = state.slots[page];
           slot.rc = kUnique;
           slot.usage = usage_of(op->kind);
           slot.vtable = op->kind;
           slot.storage = slot_made.storage;
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
  const End end = end_of(step.before.slots[page], page, Status::busy);
  const trace::Choices choices = drop != nullptr ? given(page) : trace::Choices{};
  return answers(step, {end.on_drops, end.destroyed, end.found, end.found, end.sum}, choices) &&
         changes_only(step, [&](State& state, Held& held) {
           state.slots[page] = step.after.slots[page];  // POST-5 speaks of that.
           held.at(from).reset();
           if (drop != nullptr) give_up(state, page);
         });
}

}  // namespace reference
