// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on steps are written. Each condition says what is changed;
// everything it does not name must be as before.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <variant>

#include "reference/laws.h"

namespace reference {

template <class One>
const One* as(const Step& step) {
  return std::get_if<One>(&step.op);
}

// What a register held before; null if it was empty.
const Handle* held_before(const Step& step, auto place) {
  const std::optional<Handle>& handle = step.before.held[step.lane].at(place);
  return handle ? &*handle : nullptr;
}

// Whether the state after is the one before with these changes and no others.
bool changes_only(const Step& step, auto&& change) {
  State wanted = step.before;
  change(wanted, wanted.held[step.lane]);
  return wanted == step.after;
}

inline bool changes_nothing(const Step& step) { return step.before == step.after; }

inline bool is_ok(const Step& step) { return step.answer.reply.status == trace::Status::ok; }

// Whether the answer is `ok`, with these results and these choices of the allocator.
inline bool answers(const Step& step, std::initializer_list<std::uint64_t> results = {},
                    const trace::Choices& choices = {}) {
  trace::Answer wanted{.choices = choices};
  std::ranges::copy(results, wanted.reply.results.begin());
  return step.answer == wanted;
}

// Whether the kind and the words answered are those of a slot.
inline bool answers_with(const Step& step, const Slot& slot) {
  if (!slot.storage) return false;
  const auto& words = slot.storage->words;
  return answers(step, {static_cast<std::uint64_t>(slot.storage->kind.name), words[0], words[1],
                        words[2], words[3], words[4]});
}

// An error leaves everything as it was, and tells nothing but its reason.
inline bool refuses(const Step& step, trace::Status why, trace::Code code = trace::Code::none) {
  return step.answer == trace::Answer{{.status = why, .code = code}, {}} && changes_nothing(step);
}

inline bool aborts(const Step& step) {
  trace::Answer wanted;
  wanted.reply.status = trace::Status::aborted;
  wanted.reply.code = trace::Code::count_overflow;
  return step.answer == wanted &&
         changes_only(step, [](State& state, Held&) { state.aborted = true; });
}

inline bool is_on_path(const State& state, Page page) {
  return std::ranges::any_of(state.paths, [&](const Path& path) { return path.page == page; });
}

inline bool is_aligned(std::uint64_t address) { return address % kPageBytes == 0; }

inline bool is_within(const State& state, std::uint64_t address) {
  return address / kPageBytes < state.machine.pages.raw;
}

// Whether metadata is what a kind made with a value is: its words count up from the value.
inline bool is_made_of(const std::optional<Metadata>& metadata, trace::Kind kind,
                       std::uint64_t value) {
  if (!metadata || metadata->kind != kind) return false;
  for (std::size_t i = 0; i < trace::kMostWords; ++i) {
    const std::uint64_t word = metadata->words[i];
    if (i < trace::words_of(kind.name) ? word - i != value : word != 0) return false;
  }
  return true;
}

}  // namespace reference
