// SPDX-License-Identifier: MPL-2.0
// What it takes to be a system under test, or a model. Plug in your own by writing such a type.
#pragma once

#include <algorithm>
#include <concepts>
#include <span>
#include <string>
#include <vector>

#include "check/verdict.h"

namespace check {

template <class T>
concept Observable = requires(const T& system, std::uint64_t page, void (*see)(trace::Fact)) {
  system.observe(page, see);  // What is so of one page.
};

template <class S>
concept SystemUnderTest =
    Observable<S> && trace::HandlesEveryOp<S> &&
    requires(S& system, const S& seen, const trace::Machine& shape, std::uint64_t page) {
      system.reset(shape);    // To the machine's first state; cheap.
      system.rebuild(shape);  // The same from nothing, whatever has happened.
      { seen.digest(page) } -> std::same_as<std::uint64_t>;  // Of all words of a page's records.
    };

// What a system answers, whichever way it is asked.
template <class S>
trace::Answer answer_of(S& system, std::uint8_t lane, const trace::Op& op) {
  if constexpr (trace::TakesAnyOp<S>) {
    return system.apply(lane, op);
  } else {
    return std::visit([&](const auto& one) { return system.apply(lane, one); }, op);
  }
}

// The digests of the first pages: `of[i]` becomes that of page i. A system may have a way to give
// them all at once, if being asked is dear.
template <class S>
void see_digests(const S& system, std::span<std::uint64_t> of) {
  if constexpr (requires { system.digests(of); }) {
    system.digests(of);
  } else {
    for (std::size_t page = 0; page < of.size(); ++page) of[page] = system.digest(page);
  }
}

// A system may show how its allocator keeps its free pages: calls `see` for each block, in any
// order. Then its refusals are judged by that.
template <class S>
concept ShowsFreeBlocks =
    requires(const S& seen, void (*see)(trace::FreeBlock)) { seen.free_blocks(see); };

// A system that has page tables shows what they map: calls `see` with a trace::Mapped for each page
// that overlaps the range, upwards. And what its allocator did when reset() or rebuild() made the
// tables of the machine.
template <class S>
concept ShowsTables =
    requires(S& system, const S& seen, const trace::TableRange& range, void (*see)(trace::Fact)) {
      seen.mapped(range, see);
      { seen.begun() } -> std::convertible_to<const trace::Choices&>;
      system.go_at_once();  // From now on lanes go at once, until it is reset.
    };

// What a system says of its end, if it has ended other than with an answer.
template <class S>
std::string last_words_of(const S& system) {
  if constexpr (requires { system.last_words(); }) return system.last_words();
  return {};
}

template <class M>
concept Judge = std::copyable<M> && Observable<M> && std::constructible_from<M, trace::Machine> &&
                requires(M model, const M& before, std::uint8_t lane, const trace::Op& op,
                         const trace::Answer& answer, const char* law,
                         std::span<const trace::FreeBlock> blocks, const trace::Choices& choices,
                         const trace::TableRange& range, void (*see)(trace::Fact)) {
                  // The answer that the contract insists on; its first phase is done then.
                  { model.step(lane, op, answer) } -> std::same_as<trace::Answer>;
                  { model.unfinished(lane) } -> std::same_as<bool>;
                  // One phase more of the operation begun by `step`. Its answer, if this was the
                  // last, and `step` has believed what was seen.
                  { model.finish(lane) } -> std::same_as<std::optional<trace::Answer>>;
                  model.touched();     // The pages that may have changed since last asked.
                  // What the allocator chose for the machine's tables: said once, before anything
                  // is asked. The id of the law that this breaks; null if it breaks none.
                  { model.begin(choices) } -> std::same_as<const char*>;
                  // As of a system; and the ranges of tables where something may have changed
                  // since last asked.
                  before.mapped(range, see);
                  { model.touched_ranges() } -> std::same_as<std::vector<trace::TableRange>>;
                  // How the allocator keeps its free pages, after it was asked something. The id
                  // of the law that this breaks; null if it breaks none.
                  { model.adopt(blocks) } -> std::same_as<const char*>;
                  model.go_at_once();  // From now on lanes go at once.
                  // The id of a law that this step broke, or that the state after it breaks; null
                  // if it keeps them all. `model` is the state after the operation's last phase.
                  { model.broken_law(before, lane, op, answer) } -> std::same_as<const char*>;
                  // The sentence of a law; null if there is no such id.
                  { M::sentence_of(law) } -> std::same_as<const char*>;
                };

inline Facts facts_of(const Observable auto& system, auto first, auto end) {
  Facts facts;
  for (; first != end; ++first) {
    system.observe(*first, [&](const trace::Fact& fact) { facts.push_back(fact); });
  }
  std::ranges::sort(facts);
  return facts;
}

// What its tables map, in all of them or in a range of one.
inline Facts mapped_by(const Observable auto& system, std::span<const trace::TableRange> ranges) {
  Facts facts;
  if constexpr (requires(void (*see)(trace::Fact)) { system.mapped(ranges.front(), see); }) {
    for (const trace::TableRange& range : ranges) {
      system.mapped(range, [&](const trace::Fact& fact) { facts.push_back(fact); });
    }
  }
  std::ranges::sort(facts);
  // Ranges may overlap.
  facts.erase(std::ranges::unique(facts).begin(), facts.end());
  return facts;
}
inline Facts mapped_by(const Observable auto& system) {
  std::array<trace::TableRange, trace::kMostTables> all;
  for (std::size_t table = 0; table < all.size(); ++table) all[table] = {.table = table};
  return mapped_by(system, all);
}

// Of the whole machine.
inline Facts facts_of(const Observable auto& system, const trace::Machine& shape) {
  std::vector<std::uint64_t> pages(shape.pages.raw);
  for (std::size_t i = 0; i < pages.size(); ++i) pages[i] = i;
  Facts facts = facts_of(system, pages.begin(), pages.end());
  // Facts about tables come after all others.
  const Facts mapped = mapped_by(system);
  facts.insert(facts.end(), mapped.begin(), mapped.end());
  return facts;
}

}  // namespace check
