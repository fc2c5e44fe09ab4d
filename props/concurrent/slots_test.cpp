// SPDX-License-Identifier: MPL-2.0
// Lanes at once on the slots of pages: whatever the schedule, there is an order of phases that the
// reference accepts.
#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "check/explore/concurrent.h"
#include "check/systems/mm.h"
#include "props/concurrent/candidates.h"
#include "props/concurrent/scopes.h"
#include "reference/model.h"
#include "trace/text.h"

namespace {

using namespace check::explore;
using check::Tally;
using reference::Model;
using System = check::MmAtOnce;

System& system_under_test() {
  static System system;
  return system;
}

Exploration explored(const trace::Trace& trace, const Effort& effort) {
  return explore<Model>(trace, system_under_test(), effort);
}

// What is shown of an exploration that did not agree.
std::string shown(const trace::Trace& trace, const Exploration& found) {
  check::Report report;
  tell<Model>(trace, found.run, report);
  std::ostringstream out;
  out << check::kOracleNames[static_cast<std::size_t>(report.diverged.oracle)] << " at call "
      << report.diverged.step << ", " << report.diverged.law << ' ' << report.sentence << " ("
      << found.schedules << " schedules, " << found.undecided << " undecided, " << found.unconfirmed
      << " unconfirmed)\n"
      << report.trace;
  for (const check::Step& step : report.steps) {
    out << "  " << text_of(step.call) << "\n    expected " << text_of(step.call.op, step.expected)
        << "\n    seen     " << text_of(step.call.op, step.seen) << '\n';
  }
  for (const auto& fact : report.diverged.missing) out << "  missing " << text_of(fact) << '\n';
  for (const auto& fact : report.diverged.unexpected) {
    out << "  unexpected " << text_of(fact) << '\n';
  }
  return out.str();
}

struct Sums {
  std::size_t scopes = 0, schedules = 0, searches = 0, partial = 0;
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

  void add(const Exploration& found) {
    ++scopes;
    schedules += found.schedules;
    searches += found.searches;
    partial += found.is_exhaustive ? 0 : 1;
  }
  void print(const char* what) const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - since;
    std::printf("%s: %zu scopes, %zu not exhausted, %zu schedules, %zu searches; %.0f a second\n",
                what, scopes, partial, schedules, searches,
                static_cast<double>(schedules) / spent.count());
  }
};

// Also: everything that an operation can end with only while others go is met.
TEST(Slots, EveryScheduleOfASmallScopeHasAnOrder) {
  Tally tally;
  Sums sums;
  for (const props::Scope& scope : props::slot_scopes()) {
    const trace::Trace trace = trace_of(scope);
    const Exploration found =
        explored(trace, {.bounds = {.preemptions = scope.preemptions,
                                    .failures = scope.lanes.size() == 2 ? 2u : 1u},
                         .exhaustive = 2'000'000,
                         .random = 0,
                         .tally = &tally});
    std::printf("%-60s %8zu schedules, %zu searches\n", scope.what, found.schedules,
                found.searches);
    sums.add(found);
    ASSERT_TRUE(found.agreed()) << scope.what << ": " << shown(trace, found);
    EXPECT_TRUE(found.is_exhaustive) << scope.what;
    EXPECT_GT(found.schedules, 1u) << scope.what;
  }
  sums.print("small scopes");
  std::set<std::string> unseen;  // Operations that did not end in each way that they may.
  trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t op) {
    if constexpr (requires { T::kOutcomesAtOnce; }) {
      for (const trace::Status status : T::kOutcomesAtOnce) {
        if (tally.count(op, status) == 0) unseen.insert(T::kName);
      }
    }
  });
  EXPECT_EQ(unseen, std::set<std::string>{});
}

// A state for pairs of operations to meet in: what was called before, alone.
struct Start {
  const char* what;
  std::vector<trace::Call> before;
};

std::vector<Start> starts() {
  using namespace trace;
  using enum KindName;
  const trace::Count full{trace::Count::kFirstHuge + 1};
  auto claim = [](KindName kind) { return Op(FrameFromUnused{{0}, {kind}, {7}, {0}}); };
  auto take = [](std::uint16_t page, KindName kind) {
    return Op(UniqueFromUnused{{page}, {kind}, {7}, {0}});
  };
  const Op join = FrameFromInUse{{0}, {0}}, forget = FrameToDyn{{0}},
           to_raw = FrameIntoRaw{{0}, {0}}, preload = FrameCountPreload{{0}, full},
           alloc = AllocFrame{{value8}, {5}, {0}, {}};
  return {
      {"nothing is in use", {}},
      {"one holds the last handle", {{{0}, claim(value8)}}},
      {"both hold a handle", {{{0}, claim(value8)}, {{1}, join}}},
      {"both hold a typed handle",
       {{{0}, claim(empty)}, {{1}, join}, {{1}, FrameTryFrom{{0}, {empty}}}}},
      {"both hold a dynamic handle of an untyped page",
       {{{0}, claim(empty)}, {{0}, forget}, {{1}, join}}},
      {"both hold a dynamic handle of a kernel page",
       {{{0}, claim(kernel)}, {{0}, forget}, {{1}, join}}},
      {"both hold a handle of a page that asks when it ends",
       {{{0}, claim(reentrant)}, {{1}, join}}},
      {"both hold a handle and a raw count",
       {{{0}, claim(value8)}, {{1}, join}, {{0}, to_raw}, {{1}, to_raw}, {{0}, join}, {{1}, join}}},
      {"one holds a unique handle", {{{0}, take(0, reentrant)}}},
      {"both hold a unique handle", {{{0}, take(0, value8)}, {{1}, take(1, reentrant)}}},
      {"one holds a shared handle, the other a unique one",
       {{{0}, claim(value24)}, {{1}, take(1, value8)}}},
      {"one holds a raw count, the other a unique handle",
       {{{0}, claim(value8)}, {{0}, to_raw}, {{1}, take(1, value24)}}},
      {"one holds a raw count, the other a typed handle",
       {{{0}, claim(value8)}, {{1}, join}, {{0}, to_raw}, {{1}, FrameTryFrom{{0}, {value8}}}}},
      {"one holds a dynamic handle, the other a unique one",
       {{{0}, claim(value8)}, {{0}, forget}, {{1}, take(1, value8)}}},
      {"the count is nearly full", {{{0}, claim(value8)}, {{0}, preload}}},
      {"the count is full", {{{0}, claim(value8)}, {{1}, join}, {{0}, preload}}},
      {"one holds the allocator's last page", {{{0}, alloc}}},
  };
}

trace::Trace start_of(const Start& start) {
  return {.machine = {.pages = {3}, .loose = {2}, .cpus = {2}},
          .at_once = true,
          .prologue = static_cast<std::uint32_t>(start.before.size()),
          .calls = start.before};
}

Model model_after(const trace::Trace& trace) {
  Model model(trace.machine);
  for (const trace::Call& call : trace.calls) {
    (void)model.step(call.lane.index, call.op, model.imagine(call.lane.index, call.op));
    while (model.unfinished(call.lane.index)) model.finish(call.lane.index);
  }
  return model;
}

// Every schedule with two preemptions. All that there are would take too long: to allocate is to
// make dozens of atomic accesses. Of the small scopes above only one has such a bound.
constexpr Bounds kBoundsOfPairs{.preemptions = 2};

// Every pair of kinds of operations, in both places, with every operand that the start allows; and
// then each lane looks at page 0.
TEST(Slots, EveryPairOfOperationsHasAnOrder) {
  const auto all = props::candidates();
  Sums sums;
  std::set<std::pair<std::size_t, std::size_t>> met;
  for (const Start& start : starts()) {
    trace::Trace trace = start_of(start);
    const Model model = model_after(trace);
    auto allowed = [&](std::uint8_t lane) {
      std::vector<trace::Op> ops;
      for (const auto& of_kind : all) {
        for (const trace::Op& op : of_kind) {
          if (model.allows(lane, op)) ops.push_back(op);
        }
      }
      return ops;
    };
    const auto here = allowed(0), there = allowed(1);
    for (const trace::Op& one : here) {
      for (const trace::Op& other : there) {
        trace.calls.resize(trace.prologue);
        trace.calls.insert(trace.calls.end(), {{{0}, one},
                                               {{0}, trace::FrameFromInUse{{0}, {6}}},
                                               {{1}, other},
                                               {{1}, trace::FrameFromInUse{{0}, {6}}}});
        const Exploration found =
            explored(trace, {.bounds = kBoundsOfPairs, .exhaustive = 100'000, .random = 0});
        sums.add(found);
        ASSERT_TRUE(found.agreed()) << start.what << ": " << shown(trace, found);
        EXPECT_TRUE(found.is_exhaustive);
        met.insert(std::minmax(one.index(), other.index()));
      }
    }
  }
  sums.print("pairs");
  EXPECT_EQ(sums.partial, 0u);
  // Every unordered pair of kinds was met, in some state.
  for (const auto& one : all) {
    for (const auto& other : all) {
      EXPECT_TRUE(met.contains(std::minmax(one[0].index(), other[0].index())))
          << name_of(one[0]) << " and " << name_of(other[0]);
    }
  }
}

// A trace whose lanes go at once, drawn by letting the model go first: the operations that it
// allows where one lane's turn comes after another's, more or less, are those worth asking.
trace::Trace drawn(std::mt19937_64& engine, std::uint8_t lanes, std::size_t ops_each) {
  static const auto all = props::candidates();
  const auto all_starts = starts();
  trace::Trace trace = start_of(all_starts[engine() % all_starts.size()]);
  trace.machine.cpus = {std::max(lanes, std::uint8_t{2})};
  Model model = model_after(trace);
  std::array<std::size_t, trace::Cpu::kMost> left{};
  std::fill_n(left.begin(), lanes, ops_each);
  for (std::size_t tries = 0; tries < 1000; ++tries) {
    const auto lane = static_cast<std::uint8_t>(engine() % lanes);
    const auto& of_kind = all[engine() % all.size()];
    const trace::Op& op = of_kind[engine() % of_kind.size()];
    if (left[lane] == 0 || !model.allows(lane, op)) continue;
    --left[lane];
    trace.calls.push_back({{lane}, op});
    (void)model.step(lane, op, model.imagine(lane, op));
    while (model.unfinished(lane)) model.finish(lane);
  }
  return trace;
}

void draw_and_explore(const char* what, std::uint8_t lanes, std::size_t ops_each,
                      std::size_t traces, const Effort& effort) {
  Sums sums;
  std::mt19937_64 engine(20);
  for (std::size_t i = 0; i < traces; ++i) {
    const trace::Trace trace = drawn(engine, lanes, ops_each);
    const Exploration found = explored(trace, effort);
    sums.add(found);
    ASSERT_TRUE(found.agreed()) << shown(trace, found);
  }
  sums.print(what);
}

TEST(Slots, TwoLanesOfFourOperationsHaveAnOrder) {
  draw_and_explore("2 lanes of 4", 2, 4, 400,
                   {.bounds = {.preemptions = 2}, .exhaustive = 300, .random = 100});
}

TEST(Slots, ThreeLanesOfThreeOperationsHaveAnOrder) {
  draw_and_explore("3 lanes of 3", 3, 3, 300,
                   {.bounds = {.preemptions = 1}, .exhaustive = 200, .random = 200});
}

TEST(Slots, FourLanesOfFourOperationsHaveAnOrder) {
  draw_and_explore("4 lanes of 4", 4, 4, 100, {.exhaustive = 0, .random = 400});
}

// Whatever was chosen, written down, chooses the same again: what happened, and what was answered.
TEST(Slots, AThousandSchedulesReplay) {
  std::mt19937_64 engine(63);
  std::size_t longest = 0, failures = 0;
  for (int i = 0; i < 1000; ++i) {
    trace::Trace trace = drawn(engine, static_cast<std::uint8_t>(2 + i % 3), 4);
    Random random(engine());
    const ConcurrentRun first = run_at_once<Model>(trace, system_under_test(), random);
    Replay replay(first.schedule);
    const ConcurrentRun again = run_at_once<Model>(trace, system_under_test(), replay);
    ASSERT_EQ(first.verdict, again.verdict) << i;
    ASSERT_EQ(first.schedule, again.schedule) << i;
    for (std::size_t lane = 0; lane < first.history.size(); ++lane) {
      for (std::size_t op = 0; op < first.history[lane].size(); ++op) {
        ASSERT_EQ(first.history[lane][op].seen, again.history[lane][op].seen) << i;
        ASSERT_EQ(first.history[lane][op].began, again.history[lane][op].began) << i;
        ASSERT_EQ(first.history[lane][op].ended, again.history[lane][op].ended) << i;
      }
    }
    longest = std::max(longest, first.schedule.size());
    for (const auto& choice : first.schedule) {
      failures += choice.what == trace::Choice::What::failure ? 1 : 0;
    }
  }
  std::printf("1000 of 1000; the longest schedule has %zu entries, %zu failures in all\n", longest,
              failures);
  EXPECT_GT(failures, 0u);
}

}  // namespace
