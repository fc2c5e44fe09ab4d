// SPDX-License-Identifier: MPL-2.0
// Runs a trace on a system and on the model, side by side, and says where they part ways. Calls go
// one at a time, in order; lanes at once are for check/explore.
//
// After each step: the answers are equal; the pages that the model says may have changed have equal
// facts; the digests of all others are as they were; the allocator's free blocks, if they may have
// changed, are kept as they may be. Every 64 steps and at the end everything is compared.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "check/bisect.h"
#include "check/compare.h"
#include "check/sut.h"
#include "check/tally.h"

namespace check {

enum class Thoroughness : std::uint8_t {
  fast,
  thorough,  // Everything is compared after each step, the model's laws are asked, and all steps
             // are kept.
};

struct How {
  Thoroughness thoroughness = Thoroughness::fast;
  Tally* tally = nullptr;  // Filled if given.
};

struct Run {
  std::vector<Step> steps{};  // steps[i] is what came of calls[i]. If the run was fast, only the
                              // last step, and only if it diverged.
  std::optional<Divergence> diverged{};
  bool unconfirmed = false;  // It diverged, and did not again on a machine built from nothing: some
                             // state has survived a reset.

  bool agreed() const { return !diverged; }
};

// Everything is compared this often.
inline constexpr std::size_t kStepsBetweenWholes = 64;

// Asks both. A system may decline; then nothing has changed, and the model is not asked. Steps are
// large, so the result goes where it is wanted.
template <Judge M, SystemUnderTest S>
void take_step(const trace::Call& call, std::uint8_t lane, M& model, S& system, Step& step) {
  step.call = call;
  step.seen = answer_of(system, lane, call.op);
  if (step.seen.reply.status == trace::Status::declined) {
    step.expected = {{.status = trace::Status::declined}, {}};
    return;
  }
  step.expected = model.step(lane, call.op, step.seen);
  while (model.unfinished(lane)) model.finish(lane);
}

template <Judge M, SystemUnderTest S>
Step take_step(const trace::Call& call, std::uint8_t lane, M& model, S& system) {
  Step step;
  take_step(call, lane, model, system, step);
  return step;
}

// Free blocks. There is room for one more than there are pages: more cannot be right, and neither
// can that many.
class FreeBlocks {
 public:
  void see(const trace::FreeBlock& block) {
    if (count_ < blocks_.size()) blocks_[count_++] = block;
  }
  void clear() { count_ = 0; }
  std::span<const trace::FreeBlock> all() const { return {blocks_.data(), count_}; }
  // All of them, sorted: it is the whole that is wrong.
  Facts facts() const {
    Facts facts(all().begin(), all().end());
    std::ranges::sort(facts);
    return facts;
  }

 private:
  std::array<trace::FreeBlock, trace::Machine::kMostPages + 1> blocks_{};
  std::size_t count_ = 0;
};

// Tells the model how the system keeps its free pages, if it shows that; `blocks` is for what it
// shows. The law that it breaks; null if none.
template <Judge M, SystemUnderTest S>
const char* adopt_blocks(M& model, const S& system, FreeBlocks& blocks) {
  if constexpr (ShowsFreeBlocks<S>) {
    blocks.clear();
    system.free_blocks([&](const trace::FreeBlock& block) { blocks.see(block); });
    return model.adopt(blocks.all());
  } else {
    return nullptr;
  }
}

// Brings the model to where a system is that was just reset: what it chose for the machine's
// tables, and how it keeps its free pages. The law that this breaks; null if none.
template <Judge M, SystemUnderTest S>
const char* begin_alike(M& model, const S& system, FreeBlocks& blocks) {
  const char* broken = nullptr;
  if constexpr (ShowsTables<S>) broken = model.begin(system.begun());
  const char* const by_blocks = adopt_blocks(model, system, blocks);
  return broken != nullptr ? broken : by_blocks;
}

// Whether the allocator may keep its free pages otherwise now: it handed something out or refused
// to, or got something back that it has.
inline bool asked_allocator(const trace::Choices& choices, const trace::Machine& shape) {
  const auto& [taken, given, refused] = choices;
  const auto end = given.page.begin() + given.kept();
  return taken.count != 0 || refused != 0 || given.count != given.kept() ||
         std::any_of(given.page.begin(), end,
                     [&](std::uint16_t page) { return page >= shape.loose.raw; });
}

// Whether the answer seen is one that the model accepts. `impermissible` never is, not even if the
// system says it of itself.
inline bool is_accepted(const Step& step) {
  return step.expected == step.seen && step.expected.reply.status != trace::Status::impermissible;
}

// A system and the model, kept abreast. Allocates nothing while they agree.
template <Judge M, SystemUnderTest S>
class Lockstep {
 public:
  Lockstep(const trace::Machine& shape, S& system)
      : shape_(shape),
        model_(shape),
        system_(system),
        digests_(shape.pages.raw),
        digests_now_(digests_) {
    system.reset(shape);
    see_digests(system_, digests_);
    first_broken_ = begin_alike(model_, system_, blocks_);
  }

  // One call, and what is compared after each in any case.
  std::optional<Divergence> take(const trace::Call& call) {
    const std::uint8_t lane = shape_.lane(call.lane);
    take_step(call, lane, model_, system_, last_);
    if (!is_accepted(last_)) return Divergence{Oracle::answer, 0, law_of(call.op), {}, {}};
    if (has_aborted()) return std::nullopt;
    const auto touched = model_.touched();
    const char* broken = std::exchange(first_broken_, nullptr);
    if (broken == nullptr && asked_allocator(last_.seen.choices, shape_)) {
      broken = adopt_blocks(model_, system_, blocks_);
    }
    for (const std::uint64_t page : touched) {
      if (!agree_on(page)) {
        return of_facts(Oracle::facts,
                        difference(facts_of(model_, touched.begin(), touched.end()),
                                   facts_of(system_, touched.begin(), touched.end())));
      }
    }
    if (auto found = compare_ranges(model_.touched_ranges())) return found;
    if (auto found = compare_digests(touched)) return found;
    return broken == nullptr ? std::nullopt : std::optional(of_blocks(broken));
  }

  // As `take`, and then everything there is. A law comes before all else: if the reference breaks
  // its own, no comparison with it means anything.
  std::optional<Divergence> take_thoroughly(const trace::Call& call) {
    const M before = model_;
    std::optional<Divergence> found = take(call);
    if (const char* law = broken_law(before, call)) {
      return Divergence{Oracle::law, 0, law, {}, {}};
    }
    return found || has_aborted() ? found : compare_whole();
  }

  std::optional<Divergence> compare_whole() {
    for (std::size_t page = 0; page < digests_.size(); ++page) {
      if (!agree_on(page)) return of_facts(Oracle::state, whole_difference());
    }
    for (std::size_t table = 0; table < trace::kMostTables; ++table) {
      if (!map_alike({.table = table})) return of_facts(Oracle::state, whole_difference());
    }
    return std::nullopt;
  }

  // The last step; what an abort leaves behind is not compared.
  const Step& last() const { return last_; }
  bool has_aborted() const { return last_.seen.reply.status == trace::Status::aborted; }

 private:
  bool agree_on(std::uint64_t page) {
    see_page(model_, page, expected_);
    see_page(system_, page, seen_);
    if (expected_ == seen_) return true;
    std::ranges::sort(expected_);
    std::ranges::sort(seen_);
    return expected_ == seen_;
  }

  static void see_page(const Observable auto& whom, std::uint64_t page, Facts& into) {
    into.clear();
    whom.observe(page, [&](const trace::Fact& fact) { into.push_back(fact); });
  }

  // What tables map where the model says that it may have changed.
  std::optional<Divergence> compare_ranges(const std::vector<trace::TableRange>& ranges) {
    if (std::ranges::all_of(ranges, [&](const auto& range) { return map_alike(range); })) {
      return std::nullopt;
    }
    return of_facts(Oracle::facts,
                    difference(mapped_by(model_, ranges), mapped_by(system_, ranges)));
  }

  bool map_alike(const trace::TableRange& range) {
    if constexpr (ShowsTables<S>) {
      auto see = [&](const auto& whom, Facts& into) {
        into.clear();
        whom.mapped(range, [&](const trace::Fact& fact) { into.push_back(fact); });
      };
      see(model_, expected_);
      see(system_, seen_);
    }
    return !ShowsTables<S> || expected_ == seen_;
  }

  // That no page but the touched ones has changed.
  std::optional<Divergence> compare_digests(const auto& touched) {
    see_digests(system_, digests_now_);
    for (const std::uint64_t page : touched) {
      if (page < digests_.size()) digests_[page] = digests_now_[page];
    }
    if (digests_ == digests_now_) return std::nullopt;
    Difference shown = whole_difference();  // May be empty: digests see more than facts tell.
    return Divergence{Oracle::digest, 0, law_of(last_.call.op), std::move(shown.missing),
                      std::move(shown.unexpected)};
  }

  const char* broken_law(const M& before, const trace::Call& call) {
    const trace::Status status = last_.expected.reply.status;
    // Of an impermissible choice the model says nothing but that; and it was not asked at all
    // about what was declined.
    if (status == trace::Status::impermissible || status == trace::Status::declined) return nullptr;
    return model_.broken_law(before, shape_.lane(call.lane), call.op, last_.expected);
  }

  Difference whole_difference() const {
    return difference(facts_of(model_, shape_), facts_of(system_, shape_));
  }

  Divergence of_blocks(const char* law) const {
    return {Oracle::facts, 0, law, {}, blocks_.facts()};
  }

  Divergence of_facts(Oracle oracle, Difference shown) const {
    std::string law = law_of(shown, last_.call.op);
    return {oracle, 0, std::move(law), std::move(shown.missing), std::move(shown.unexpected)};
  }

  trace::Machine shape_;
  M model_;
  S& system_;
  Step last_{};
  const char* first_broken_ = nullptr;  // By the machine's tables, or its free blocks at first.
  std::vector<std::uint64_t> digests_, digests_now_;
  Facts expected_{}, seen_{};  // Of one page, or of one range of a table.
  FreeBlocks blocks_{};        // As the allocator last said it keeps them.
};

// After a divergence or an abort the system has been rebuilt.
template <Judge M, SystemUnderTest S>
Run run(const trace::Trace& trace, S& system, How how = {}) {
  Run run;
  Lockstep<M, S> both(trace.machine, system);
  const bool is_thorough = how.thoroughness == Thoroughness::thorough;
  for (std::size_t at = 0; at < trace.calls.size(); ++at) {
    const trace::Call& call = trace.calls[at];
    std::optional<Divergence> found = is_thorough ? both.take_thoroughly(call) : both.take(call);
    if (how.tally != nullptr) how.tally->note(call.op, both.last().seen.reply.status);
    const bool is_whole = (at + 1) % kStepsBetweenWholes == 0 || at + 1 == trace.calls.size();
    if (!found && !is_thorough && is_whole && !both.has_aborted()) found = both.compare_whole();

    if (is_thorough || found) run.steps.push_back(both.last());
    if (found) {
      found->step = at;
      found->said = last_words_of(system);
      run.diverged = std::move(found);
    }
    if (run.diverged || both.has_aborted()) {
      system.rebuild(trace.machine);
      break;
    }
  }
  return run;
}

// The run of a trace that is known to differ late, up to the step whose end state differs first:
// prefixes are replayed, each with a comparison of everything at its end.
template <Judge M, SystemUnderTest S>
Run bisected_run(const trace::Trace& trace, S& system, std::size_t seen_at) {
  trace::Trace prefix = trace;
  auto run_first = [&](std::size_t calls) {
    const auto begin = trace.calls.begin();
    prefix.calls.assign(begin, begin + static_cast<std::ptrdiff_t>(calls));
    return run<M>(prefix, system);
  };
  return run_first(
      first_bad(0, seen_at + 1, [&](std::size_t calls) { return !run_first(calls).agreed(); }));
}

// A verdict that can be reported: a divergence is confirmed on a machine built from nothing, and a
// late difference is brought back to the step that made it. One that does not repeat is a verdict
// too, of another kind (`unconfirmed`). Only the first run is tallied.
template <Judge M, SystemUnderTest S>
Run confirmed_run(const trace::Trace& trace, S& system, How how = {}) {
  Run first = run<M>(trace, system, how);
  if (first.agreed()) return first;
  how.tally = nullptr;
  Run again = run<M>(trace, system, how);
  if (again.agreed()) {
    first.unconfirmed = true;
    return first;
  }
  if (again.diverged->oracle == Oracle::state && how.thoroughness == Thoroughness::fast) {
    Run earliest = bisected_run<M>(trace, system, again.diverged->step);
    if (!earliest.agreed()) return earliest;
  }
  return again;
}

}  // namespace check
