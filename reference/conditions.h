// SPDX-License-Identifier: MPL-2.0
// The words in which conditions on steps are written. Each condition says what is changed;
// everything it does not name must be as before.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <ranges>
#include <variant>

#include "reference/laws.h"

namespace reference {

template <class One>
const One* as(const Step& step) {
  return std::get_if<One>(&step.op);
}

// What a register held before; null if it was empty.
const auto* held_before(const Step& step, auto place) {
  const auto& thing = step.before.held[step.lane].at(place);
  return thing ? &*thing : nullptr;
}

// The pages of a handle, or of a segment, ascending.
inline auto pages_of(const Handle& handle) {
  return std::views::iota(handle.page, handle.page + 1);
}
inline auto pages_of(const Run& run) { return std::views::iota(run.first, run.end()); }

// Whether the state after is the one before with these changes and no others.
bool changes_only(const Step& step, auto&& change) {
  State wanted = step.before;
  change(wanted, wanted.held[step.lane]);
  return wanted == step.after;
}

inline bool changes_nothing(const Step& step) { return step.before == step.after; }

inline bool is_ok(const Step& step) { return step.answer.reply.status == trace::Status::ok; }

// Whether this is the answer. Of a result that depends on bytes that are not known, nothing is
// said.
inline bool is_answer(const Step& step, trace::Answer wanted) {
  for (std::size_t i = 0; i < wanted.reply.results.size(); ++i) {
    std::uint64_t& result = wanted.reply.results[i];
    if (result == kNotKnown) result = step.answer.reply.results[i];
  }
  return step.answer == wanted;
}

// Whether the answer is `ok`, with these results and these choices of the allocator.
inline bool answers(const Step& step, std::initializer_list<std::uint64_t> results = {},
                    const trace::Choices& choices = {}) {
  trace::Answer wanted{.choices = choices};
  std::ranges::copy(results, wanted.reply.results.begin());
  return is_answer(step, wanted);
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

// Whether the allocator's next request on a CPU is to be refused, and what is left of that then.
inline bool is_to_fail(const Failing& failing) { return failing.after == 0 && failing.times > 0; }

inline Failing after_one_request(Failing failing) {
  if (failing.after > 0) {
    failing.after -= 1;
  } else if (failing.times > 0) {
    failing.times -= 1;
  }
  return failing;
}

inline bool is_on_path(const State& state, Page page) {
  return std::ranges::any_of(state.paths, [&](const Path& path) { return path.page == page; });
}

inline bool is_aligned(std::uint64_t address) { return address % kPageBytes == 0; }

inline bool is_within(const State& state, std::uint64_t address) {
  return address / kPageBytes < state.machine.pages.raw;
}

// Whether the last dynamic handle of a page stays, and so a dynamic segment of such pages.
inline bool stays_with_last(trace::Usage usage) {
  return usage == trace::Usage::unused || usage == trace::Usage::reserved ||
         usage == trace::Usage::kernel || usage == trace::Usage::meta;
}

// One that is not known is in every sum.
inline std::uint64_t sum_of_bytes(const State& state, Page page) {
  if (state.murky.contains(page)) return kNotKnown;
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kPageBytes; ++at) sum += byte_of(state, page, at);
  return sum;
}

// What is told of ends of metadata: how often an on_drop ran, and a destructor; what the last
// on_drop found that asked for its own page; what those that read their pages summed up.
struct Ends {
  std::uint64_t count = 0;
  std::uint64_t found = static_cast<std::uint64_t>(trace::Status::passed_over);
  std::uint64_t sum = 0;
};

// One more, of a page's metadata. Who asks for its own page is refused it as `refusal`.
inline void add_end(Ends& ends, const State& state, Page page,
                    trace::Status refusal = trace::Status::busy) {
  using trace::KindName;
  const KindName kind = state.slots[page].vtable.value_or(trace::Kind{}).name;
  ends.count += 1;
  if (kind == KindName::reentrant) ends.found = static_cast<std::uint64_t>(refusal);
  if (kind != KindName::reader && kind != KindName::link_reader) return;
  const std::uint64_t sum = sum_of_bytes(state, page);
  ends.sum = ends.sum == kNotKnown || sum == kNotKnown ? kNotKnown : ends.sum + sum;
}

// Of these pages, one after another.
inline Ends ends_of(const State& state, const auto& pages,
                    trace::Status refusal = trace::Status::busy) {
  Ends ends;
  for (const Page page : pages) add_end(ends, state, page, refusal);
  return ends;
}

inline trace::Choices given(const auto& pages) {
  trace::Choices choices;
  for (const Page page : pages) choices.given.push(page);
  return choices;
}

// What the allocator has afterwards if a page was given up to it: no loose page ever.
inline void give_up(State& state, Page page) {
  if (state.machine.is_allocators(page * kPageBytes)) state.free.insert(page);
}

// What comes of counts that are dropped, one after another, written into a state that is wanted:
// what ends, and what the allocator gets back.
struct Fall {
  State& state;
  Ends ends{};
  trace::Choices choices{};
};

// The part of a tree at and below a place.
inline Tree part_of(const Tree& tree, NodePlace top) {
  const VirtPage end = top.begin + span_of(static_cast<Level>(top.level + 1));
  Tree part{.kind = tree.kind, .top = top};
  for (const auto& [place, page] : tree.nodes) {
    const bool is_below = place.level <= top.level && place.begin >= top.begin && place.begin < end;
    if (is_below) part.nodes[place] = page;
  }
  for (const auto& [at, mapping] : tree.mappings) {
    if (at >= top.begin && at < end) part.mappings[at] = mapping;
  }
  return part;
}

void fall(Fall&, Page);

// The end of a page's metadata. A node's entries go one by one; a table that outlives it is a tree
// of its own.
inline void fall_below(Fall& all, Page page, trace::Status refusal = trace::Status::busy) {
  State& state = all.state;
  const auto found = state.trees.find(page);
  if (found == state.trees.end()) return add_end(all.ends, state, page, refusal);
  const Tree tree = found->second;
  state.trees.erase(page);
  state.nodes.erase(page);
  std::erase_if(state.paths, [&](const Path& path) { return path.table == page; });
  const auto below = static_cast<Level>(tree.top.level - 1);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const VirtPage at = tree.top.begin + i * span_of(tree.top.level);
    const auto leaf = tree.mappings.find(at);
    if (const auto table = tree.nodes.find({below, at}); table != tree.nodes.end()) {
      state.trees[table->second] = part_of(tree, {below, at});
      fall(all, table->second);
    } else if (leaf != tree.mappings.end() && leaf->second.tracked) {
      fall(all, leaf->second.to);
    }
  }
}

// A page that has ended is as one that never was made.
inline void be_unused(State& state, Page page) {
  Slot unused;
  unused.address = state.slots[page].address;
  state.slots[page] = unused;
  if (state.machine.is_allocators(page * kPageBytes)) state.free.insert(page);
}

// Of the slots of pages that were the step's to end, another law speaks (POST-5).
inline void take_as_ended(const Step& step, State& wanted) {
  for (Page page = 0; page < wanted.slots.size(); ++page) {
    const bool ends = step.before.slots[page].rc != kUnused && wanted.slots[page].rc == kUnused;
    if (ends && !step.before.nodes.contains(page)) wanted.slots[page] = step.after.slots[page];
  }
}

// One count on a page goes.
inline void fall(Fall& all, Page page) {
  Slot& slot = all.state.slots[page];
  if (slot.rc != 1) {
    slot.rc -= 1;
    return;
  }
  fall_below(all, page);
  be_unused(all.state, page);
  all.choices.given.push(page);
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

// A slot that is made one of a kind: shared by one owner, or unique.
inline void make(Slot& slot, trace::Kind kind, std::uint64_t rc) {
  slot.rc = rc;
  slot.parked = rc != kUnique;
  slot.usage = usage_of(kind);
  slot.vtable = kind;
}

}  // namespace reference
