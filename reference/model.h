// SPDX-License-Identifier: MPL-2.0
// The judge: says what must come back, and what changes.
//
// Each operation has two functions, side by side in the file of its family: `allows` says whether
// the lane can ask it at all, by what that lane holds; `step` gives the answer that the contract
// insists on. Where the contract leaves a choice, `step` reads it out of `seen`, insists that it
// was a permitted one, and adopts it.
//
// An operation is a sequence of atomic phases. `step` does the first and decides the answer;
// `finish`, called while the lane is `unfinished`, does one more. Alone, a lane finishes at once;
// among others, the search for an order decides when.
#pragma once

#include <utility>

#include "reference/state.h"
#include "trace/fact.h"
#include "trace/op.h"

namespace reference {

using trace::Answer;

// frame.cpp
bool allows(const State&, Lane, const trace::FrameFromUnused&);
bool allows(const State&, Lane, const trace::FrameFromInUse&);
bool allows(const State&, Lane, const trace::FrameClone&);
bool allows(const State&, Lane, const trace::FrameDrop&);
bool allows(const State&, Lane, const trace::FrameIntoRaw&);
bool allows(const State&, Lane, const trace::FrameFromRaw&);
bool allows(const State&, Lane, const trace::FrameIncRaw&);
bool allows(const State&, Lane, const trace::FrameBorrow&);
bool allows(const State&, Lane, const trace::FrameBorrowClone&);
bool allows(const State&, Lane, const trace::FrameEqual&);
bool allows(const State&, Lane, const trace::FrameCount&);
bool allows(const State&, Lane, const trace::FrameReadMeta&);
bool allows(const State&, Lane, const trace::FrameToDyn&);
bool allows(const State&, Lane, const trace::FrameTryFrom&);
bool allows(const State&, Lane, const trace::FrameToUntyped&);
bool allows(const State&, Lane, const trace::FrameUsage&);
bool allows(const State&, Lane, const trace::FrameCountPreload&);
// unique.cpp
bool allows(const State&, Lane, const trace::UniqueFromUnused&);
bool allows(const State&, Lane, const trace::UniqueReadMeta&);
bool allows(const State&, Lane, const trace::UniqueWriteMeta&);
bool allows(const State&, Lane, const trace::UniqueRepurpose&);
bool allows(const State&, Lane, const trace::UniqueReset&);
bool allows(const State&, Lane, const trace::UniqueIntoShared&);
bool allows(const State&, Lane, const trace::UniqueTryFromFrame&);
bool allows(const State&, Lane, const trace::UniqueToDyn&);
bool allows(const State&, Lane, const trace::UniqueDrop&);
// alloc.cpp
bool allows(const State&, Lane, const trace::AllocFrame&);

Answer step(State&, Lane, const trace::FrameFromUnused&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameFromInUse&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameClone&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameIntoRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameFromRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameIncRaw&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameBorrow&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameBorrowClone&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameEqual&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameCount&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameReadMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameToDyn&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameTryFrom&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameToUntyped&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameUsage&, const Answer& seen);
Answer step(State&, Lane, const trace::FrameCountPreload&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueFromUnused&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueReadMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueWriteMeta&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueRepurpose&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueReset&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueIntoShared&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueTryFromFrame&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueToDyn&, const Answer& seen);
Answer step(State&, Lane, const trace::UniqueDrop&, const Answer& seen);
Answer step(State&, Lane, const trace::AllocFrame&, const Answer& seen);

// Parts of several steps.
trace::Status why_no_page(const State&, std::uint64_t address);  // ok if there is one.
Answer claim(State&, Lane, std::uint64_t address, const Metadata&, const Unfinished& publish);
void tear_down(State&, Lane, Page);
Answer abort(State&);
// Five results from `first` on: what the end of a page's metadata leaves there, or that it has not
// ended.
void note_end(Answer&, std::size_t first, const Slot&, Page);
void note_no_end(Answer&, std::size_t first);
Answer kind_and_words(const Slot&);

class Model {
 public:
  explicit Model(const trace::Machine& machine);
  explicit Model(State state) : state_(std::move(state)) {}  // From the middle of something.

  bool allows(Lane lane, const auto& op) const {
    return !state_.aborted && reference::allows(state_, lane, op);
  }
  bool allows(Lane lane, const trace::Op& op) const;

  Answer step(Lane lane, const auto& op, const Answer& seen) {
    if (!allows(lane, op)) return {{.status = trace::Status::passed_over}, {}};
    return reference::step(state_, lane, op, seen);
  }
  Answer step(Lane lane, const trace::Op& op, const Answer& seen);

  bool unfinished(Lane lane) const { return state_.held[lane].unfinished.has_value(); }
  void finish(Lane lane);

  // The pages that may have changed since this was last asked.
  PageSet touched() { return std::exchange(state_.touched, {}); }

  void observe(Page page, auto&& see) const;

  // What lies in a register; null if it is empty. With it a generator picks registers, and needs no
  // system.
  template <class Place>
  const Handle* held(Lane lane, Place place) const {
    const std::optional<Handle>& handle = state_.held[lane].at(place);
    return handle ? &*handle : nullptr;
  }

  // What some right system could be `seen` to choose, if the operation were asked now: the lowest
  // of the allocator's pages, or a refusal if it has none. Only the choices are meant.
  Answer imagine(Lane lane, const trace::Op& op) const;

  // The id of a law that this step broke, or that the state after it breaks; null if it keeps them
  // all. `this` is the state after the operation's last phase. See reference/laws.h.
  const char* broken_law(const Model& before, Lane lane, const trace::Op& op,
                         const Answer& answer) const;
  static const char* sentence_of(const char* law);  // Null if there is no such id.

  const State& state() const { return state_; }

 private:
  State state_;
};

void Model::observe(Page page, auto&& see) const {
  const Slot& slot = state_.slots[page];
  trace::PageInUse fact{.page = page, .in_list = slot.in_list};
  switch (status_of(slot.rc)) {
    case SlotStatus::unused: break;
    case SlotStatus::under_construction:
      fact.use = trace::Use::busy;
      see(trace::Fact(fact));
      break;
    case SlotStatus::unique:
    case SlotStatus::shared:
    case SlotStatus::overflow:
      const bool is_unique = slot.rc == kUnique;
      fact.use = is_unique ? trace::Use::unique : trace::Use::shared;
      fact.count = is_unique ? 0 : slot.rc;
      fact.kind = slot.vtable.value_or(trace::Kind{});
      fact.usage = slot.usage;
      if (slot.storage) fact.words = slot.storage->words;
      see(trace::Fact(fact));
      break;
  }
  if (state_.free.contains(page)) see(trace::Fact(trace::PageFree{page}));
}

}  // namespace reference
