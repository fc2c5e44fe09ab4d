// SPDX-License-Identifier: MPL-2.0
// What the families share: the phases of making and unmaking a frame.
#include "reference/model.h"

#include <algorithm>
#include <variant>

#include "reference/laws.h"

namespace reference {

using Next = Unfinished::Next;

trace::Usage usage_of(trace::Kind kind) {
  using trace::KindName;
  using trace::Usage;
  switch (kind.name) {
    case KindName::kernel: return Usage::kernel;
    case KindName::reserved:
    case KindName::unusable: return Usage::reserved;
    case KindName::meta: return Usage::meta;
    case KindName::kernel_stack: return Usage::kernel_stack;
    case KindName::empty:
    case KindName::value8:
    case KindName::value24:
    case KindName::full40:
    case KindName::reentrant:
    case KindName::reader:
    case KindName::early: return Usage::frame;
  }
  return Usage::frame;
}

bool operator==(const State& left, const State& right) {
  return left.machine == right.machine && left.slots == right.slots && left.paths == right.paths &&
         left.free == right.free && left.held == right.held && left.aborted == right.aborted;
}

Model::Model(const trace::Machine& machine) {
  state_.machine = machine;
  state_.slots.resize(machine.pages.raw);
  for (Page page = 0; page < state_.slots.size(); ++page) {
    state_.slots[page].address = kSlotsBase + kSlotBytes * page;
    if (page >= machine.loose.raw) state_.free.insert(page);
  }
}

trace::Status why_no_page(const State& state, std::uint64_t address) {
  if (address % kPageBytes != 0) return trace::Status::not_aligned;
  if (address / kPageBytes >= state.slots.size()) return trace::Status::out_of_bound;
  return trace::Status::ok;
}

// Phases: busy - published. The metadata is written between them, where nobody can look.
Answer claim(State& state, Lane lane, std::uint64_t address, const Metadata& metadata,
             const Unfinished& publish) {
  if (const auto why = why_no_page(state, address); why != trace::Status::ok) return {{why}, {}};

  const Page page = address / kPageBytes;
  Slot& slot = state.slots[page];
  switch (status_of(slot.rc)) {
    case SlotStatus::unique: return {{trace::Status::unique}, {}};
    case SlotStatus::under_construction: return {{trace::Status::busy}, {}};
    case SlotStatus::shared:
    case SlotStatus::overflow: return {{trace::Status::in_use}, {}};
    case SlotStatus::unused: break;
  }
  state.touched.insert(page);
  slot.rc = 0;
  slot.parked = false;
  slot.usage = usage_of(metadata.kind);
  slot.vtable = metadata.kind;
  slot.storage = metadata;

  Unfinished& unfinished = state.held[lane].unfinished.emplace(publish);
  unfinished.page = page;
  unfinished.handle = {page, Knows::kind, metadata.kind};
  return {};
}

// Phases: busy - unused - given to the allocator, unless it is loose. The metadata ends between the
// first two.
void tear_down(State& state, Lane lane, Page page) {
  state.touched.insert(page);
  state.slots[page].rc = 0;
  state.slots[page].parked = false;
  state.held[lane].unfinished = {.next = Next::retire, .page = page};
}

Answer abort(State& state) {
  state.aborted = true;
  return {{.status = trace::Status::aborted, .code = trace::Code::count_overflow}, {}};
}

void note_end(Answer& answer, std::size_t first, const Slot& slot, Page page) {
  // What an on_drop that asks for its own page is told: the page is unique throughout a repurpose,
  // and busy in every other end.
  const auto refusal = slot.rc == kUnique ? trace::Status::unique : trace::Status::busy;
  const trace::KindName kind = slot.storage->kind.name;
  const bool asks = kind == trace::KindName::reentrant;
  const auto found = static_cast<std::uint64_t>(asks ? refusal : trace::Status::passed_over);
  auto& results = answer.reply.results;
  results[first] = 1;
  results[first + 1] = 1;
  results[first + 2] = found;
  results[first + 3] = found;
  results[first + 4] = kind == trace::KindName::reader ? kPageBytes * (page % 256) : 0;
}

void note_no_end(Answer& answer, std::size_t first) {
  constexpr auto kNotAsked = static_cast<std::uint64_t>(trace::Status::passed_over);
  answer.reply.results[first + 2] = kNotAsked;
  answer.reply.results[first + 3] = kNotAsked;
}

Answer kind_and_words(const Slot& slot) {
  Answer answer;
  answer.reply.results[0] = static_cast<std::uint64_t>(slot.storage->kind.name);
  std::ranges::copy(slot.storage->words, answer.reply.results.begin() + 1);
  return answer;
}

bool Model::allows(Lane lane, const trace::Op& op) const {
  return std::visit([&](const auto& one) { return allows(lane, one); }, op);
}

Answer Model::step(Lane lane, const trace::Op& op, const Answer& seen) {
  return std::visit([&](const auto& one) { return step(lane, one, seen); }, op);
}

void Model::finish(Lane lane) {
  Held& held = state_.held[lane];
  const Unfinished now = held.unfinished.value();
  held.unfinished.reset();

  Slot& slot = state_.slots[now.page];
  state_.touched.insert(now.page);
  switch (now.next) {
    case Next::publish_shared:
      slot.rc = 1;
      slot.parked = true;
      held.frames[now.to] = now.handle;
      break;
    case Next::publish_unique:
      slot.rc = kUnique;
      held.uniques[now.to] = now.handle;
      break;
    case Next::retire:
      slot.rc = kUnused;
      slot.parked = true;
      slot.usage = trace::Usage::unused;
      slot.vtable.reset();
      slot.storage.reset();
      if (now.page >= state_.machine.loose.raw) {
        held.unfinished = {.next = Next::give_back, .page = now.page};
      }
      break;
    case Next::give_back: state_.free.insert(now.page); break;
  }
}

Answer Model::imagine(Lane lane, const trace::Op& op) const {
  Answer answer;
  if (!std::holds_alternative<trace::AllocFrame>(op) || !allows(lane, op)) return answer;
  if (state_.free.empty()) {
    answer.choices.refused = 1;
  } else {
    answer.choices.taken.push(*state_.free.begin());
  }
  return answer;
}

const char* Model::broken_law(const Model& before, Lane lane, const trace::Op& op,
                              const Answer& answer) const {
  return reference::broken_law({before.state_, lane, op, answer, state_});
}

const char* Model::sentence_of(const char* law) {
  const Law* const found = law_of(law);
  return found == nullptr ? nullptr : found->sentence;
}

}  // namespace reference
