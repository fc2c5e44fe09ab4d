// SPDX-License-Identifier: MPL-2.0
// The checks of lanes at once are seen to fail: platforms whose atomic accesses are not atomic, and
// what is found out about them.
#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <utility>

#include "check/explore/concurrent.h"
#include "check/explore/platform.h"
#include "check/systems/mm.inl"
#include "props/concurrent/scopes.h"
#include "reference/model.h"

namespace {

using namespace check::explore;
using reference::Model;

// What is wrong with the machine, if anything.
enum class Wrong : std::uint8_t {
  nothing,
  torn_drop,     // Counting down is a load, then a store.
  torn_clone,    // Counting up is.
  torn_claim,    // A strong compare-exchange is: two may claim, or make unique what another joins.
  torn_join,     // A weak one is: a lane joins what has ended since it looked.
  stubborn,      // Once refused, a weak compare-exchange is tried for ever.
  waiting,       // Once refused, it waits for another lane, where nothing is to be waited for.
  double_clone,  // Counting up counts twice: wrong even alone.
};
Wrong wrong = Wrong::nothing;

// All of them in one platform: the system is compiled once.
struct Faulty : Explored {
  template <class T>
  struct Atomic : check::explore::Atomic<T> {
    using Right = check::explore::Atomic<T>;
    using Right::Right;
    using Order = std::memory_order;

    T fetch_sub(T by, Order order) noexcept {
      return wrong == Wrong::torn_drop ? add(T{0} - by) : Right::fetch_sub(by, order);
    }
    T fetch_add(T by, Order order) noexcept {
      if (wrong == Wrong::torn_clone) return add(by);
      return Right::fetch_add(wrong == Wrong::double_clone ? by + by : by, order);
    }
    bool compare_exchange_strong(T& seen, T next, Order yes, Order no) noexcept {
      if (wrong == Wrong::torn_claim) return exchange_if(seen, next);
      return Right::compare_exchange_strong(seen, next, yes, no);
    }
    bool compare_exchange_weak(T& seen, T next, Order yes, Order no) noexcept {
      if (wrong == Wrong::torn_join) return exchange_if(seen, next);
      const bool did = Right::compare_exchange_weak(seen, next, yes, no);
      while (!did && (wrong == Wrong::stubborn || wrong == Wrong::waiting)) {
        (void)this->load(no);
        if (wrong == Wrong::waiting) Explored::spin_hint();
      }
      return did;
    }

   private:
    T add(T by) noexcept {
      const T before = this->load(std::memory_order_acquire);
      this->store(before + by, std::memory_order_release);
      return before;
    }
    bool exchange_if(T& seen, T next) noexcept {
      const T now = this->load(std::memory_order_acquire);
      if (now != seen) return seen = now, false;
      this->store(next, std::memory_order_release);
      return true;
    }
  };
};

using Mm = check::Walled<Faulty>;

Mm& system_that_is(Wrong what) {
  static Mm system;
  wrong = what;
  return system;
}

TEST(Planted, NothingIsFoundWhereNothingIs) {
  for (const props::Scope& scope : props::slot_scopes()) {
    const trace::Trace trace = trace_of(scope);
    const Exploration found =
        explore<Model>(trace, system_that_is(Wrong::nothing), {.exhaustive = 1000, .random = 0});
    EXPECT_TRUE(found.agreed()) << scope.what;
  }
}

// Looks through the scopes until one fails, which must be by this oracle; then its report.
check::Report expect_found(Wrong what, const char* name, check::Oracle by) {
  Mm& system = system_that_is(what);
  check::Report report;
  std::size_t schedules = 0;
  for (const props::Scope& scope : props::slot_scopes()) {
    const trace::Trace trace = trace_of(scope);
    const Exploration found = explore<Model>(trace, system, {.exhaustive = 20'000, .random = 0});
    schedules += found.schedules;
    EXPECT_EQ(found.unconfirmed, 0u) << name;
    if (found.agreed()) continue;
    tell<Model>(trace, found.run, report);
    std::printf("%s: %zu schedules; %s, at call %zu of \"%s\" (%s)\n", name, schedules,
                check::kOracleNames[static_cast<std::size_t>(report.diverged.oracle)],
                report.diverged.step, scope.what, report.diverged.law.c_str());
    break;
  }
  EXPECT_EQ(report.diverged.oracle, by) << name;
  EXPECT_FALSE(report.trace.calls.empty()) << name;

  // The report stands on its own: its trace, with its schedule, fails in the same way.
  EXPECT_FALSE(report.trace.schedule.empty()) << name;
  if (report.trace.calls.empty()) return report;
  const Exploration again = explore<Model>(report.trace, system);
  EXPECT_EQ(again.schedules, 1u) << name;
  EXPECT_EQ(again.run.schedule, report.trace.schedule) << name;
  EXPECT_EQ(divergence_of(report.trace, again.run).oracle, report.diverged.oracle) << name;
  return report;
}

TEST(Planted, TornAccessesLeaveNoOrder) {
  for (const check::Report& report :
       {expect_found(Wrong::torn_drop, "torn drop", check::Oracle::no_order),
        expect_found(Wrong::torn_clone, "torn clone", check::Oracle::no_order),
        expect_found(Wrong::torn_claim, "torn claim", check::Oracle::no_order),
        expect_found(Wrong::torn_join, "torn join", check::Oracle::no_order)}) {
    ASSERT_LT(report.diverged.step, report.trace.calls.size());
    EXPECT_FALSE(report.diverged.law.empty());
    EXPECT_FALSE(report.sentence.empty()) << report.diverged.law;
    // One answer of those at once was expected to be another, or what was left is.
    std::size_t unexplained = 0;
    for (const check::Step& step : report.steps) {
      const bool is_expected = step.expected.reply.status != trace::Status::declined;
      if (is_expected && step.expected != step.seen) ++unexplained;
    }
    EXPECT_EQ(unexplained,
              report.diverged.missing.empty() && report.diverged.unexpected.empty() ? 1u : 0u);
  }
}

TEST(Planted, LoopsThatNeverEndAreEndlessOrDeadlocks) {
  const check::Report endless = expect_found(Wrong::stubborn, "stubborn", check::Oracle::endless);
  const check::Report stuck = expect_found(Wrong::waiting, "waiting", check::Oracle::deadlock);
  for (const check::Report& report : {endless, stuck}) {
    // The call named is one that began and did not end: it has no answer.
    const trace::Call& named = report.trace.calls[report.diverged.step];
    EXPECT_TRUE(std::ranges::any_of(report.steps, [&](const check::Step& step) {
      return step.call == named && step.seen.reply.status == trace::Status::declined;
    }));
    EXPECT_FALSE(report.diverged.law.empty());
  }
}

// A machine that does wrong in a prologue is told from one that does wrong at once.
TEST(Planted, AWrongPrologueIsToldAsSuch) {
  Mm& system = system_that_is(Wrong::double_clone);
  const trace::Trace trace = {
      .machine = {.pages = {2}, .loose = {1}, .cpus = {2}},
      .at_once = true,
      .prologue = 2,
      .calls = {{{0}, trace::FrameFromUnused{{0}, {trace::KindName::value8}, {7}, {0}}},
                {{0}, trace::FrameClone{{0}, {1}}},
                {{0}, trace::FrameDrop{{0}}},
                {{1}, trace::FrameFromInUse{{0}, {0}}}}};
  const Exploration found = explore<Model>(trace, system);
  EXPECT_EQ(found.run.verdict, Verdict::prologue);
  EXPECT_EQ(found.schedules, 1u);
  const check::Divergence diverged = divergence_of(trace, found.run);
  EXPECT_EQ(diverged.oracle, check::Oracle::state);
  EXPECT_EQ(diverged.step, 1u);
  EXPECT_EQ(diverged.missing.size(), 1u);
  EXPECT_EQ(diverged.law, "INV-13");
}

// Right, but that its allocator loses a free block when lanes go at once.
class Forgetful : public Mm {
 public:
  void reset(const trace::Machine& shape) { Mm::reset(shape), has_forgotten_ = false; }
  void rebuild(const trace::Machine& shape) { Mm::rebuild(shape), has_forgotten_ = false; }
  void go_at_once() { Mm::go_at_once(), has_forgotten_ = true; }
  void free_blocks(auto&& see) const {
    bool is_shown = !has_forgotten_;
    Mm::free_blocks([&](const trace::FreeBlock& block) {
      if (std::exchange(is_shown, true)) see(block);
    });
  }

 private:
  bool has_forgotten_ = false;
};

TEST(Planted, FreeBlocksThatLanesLeaveBehindAreJudged) {
  const auto alloc = [](std::uint8_t lane) {
    return trace::Call{{lane}, trace::AllocFrame{{trace::KindName::value8}, {7}, {0}, {}}};
  };
  const trace::Trace trace = {.machine = {.pages = {12}, .loose = {1}, .cpus = {2}},
                              .at_once = true,
                              .calls = {alloc(0), alloc(1)}};
  EXPECT_TRUE(explore<Model>(trace, system_that_is(Wrong::nothing)).agreed());
  Forgetful system;
  const Exploration found = explore<Model>(trace, system);
  EXPECT_EQ(found.run.verdict, Verdict::blocks);
  const check::Divergence diverged = divergence_of(trace, found.run);
  EXPECT_EQ(diverged.oracle, check::Oracle::state);
  EXPECT_EQ(diverged.law, "B.10");
  EXPECT_TRUE(diverged.missing.empty());
  EXPECT_FALSE(diverged.unexpected.empty());  // All that there is.
  for (const trace::Fact& fact : diverged.unexpected) {
    EXPECT_TRUE(std::holds_alternative<trace::FreeBlock>(fact));
  }
}

}  // namespace
