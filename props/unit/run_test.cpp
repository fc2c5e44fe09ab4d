// SPDX-License-Identifier: MPL-2.0
// Each oracle fires: at the step where the fault is, with the law that it breaks; and without a
// fault none does.
#include "check/run.h"

#include <gtest/gtest.h>

#include "check/declines.h"
#include "props/unit/ideal_system.h"
#include "trace/text.h"

namespace {

using check::Oracle;
using check::Thoroughness;
using trace::Answer;
using trace::Op;
using trace::Status;
using unit::Ideal;

check::Run run(const trace::Trace& trace, auto& system, check::How how = {}) {
  return check::run<reference::Model>(trace, system, how);
}
check::Run confirmed_run(const trace::Trace& trace, auto& system, check::How how = {}) {
  return check::confirmed_run<reference::Model>(trace, system, how);
}
constexpr check::How kThorough{.thoroughness = Thoroughness::thorough};

template <class OneOp>
bool is(const Op& op) {
  return std::holds_alternative<OneOp>(op);
}

trace::Trace of_calls(std::vector<Op> ops) {
  trace::Trace trace;
  trace.machine = {.pages = {16}, .loose = {8}, .cpus = {1}};
  for (const Op& op : ops) trace.calls.push_back({{}, op});
  return trace;
}

// A frame at page 6 in f0, cloned to f1 and f2, with calls between that change nothing.
trace::Trace cloned_twice(std::size_t idle = 0) {
  std::vector<Op> ops{trace::FrameFromUnused{{6}, {trace::KindName::value8}, {5}, {0}},
                      trace::FrameClone{{0}, {1}}};
  ops.insert(ops.end(), idle, trace::FrameCount{{0}});
  ops.push_back(trace::FrameClone{{0}, {2}});
  ops.push_back(trace::FrameDrop{{1}});
  return of_calls(ops);
}

TEST(Run, AgreesWithTheReferenceItself) {
  check::Tally tally;
  for (std::uint32_t seed = 0; seed < 30; ++seed) {
    Ideal system;
    const check::Run run = ::run(unit::some_trace(seed, 500), system, {.tally = &tally});
    ASSERT_TRUE(run.agreed()) << "seed " << seed << ", call " << run.diverged->step;
    EXPECT_TRUE(run.steps.empty());
  }
  EXPECT_GT(tally.asked(), 1000u);
}

TEST(Run, KeepsAllStepsAndAsksTheLawsIfThorough) {
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    Ideal system;
    const trace::Trace trace = unit::some_trace(seed, 300);
    const check::Run run = ::run(trace, system, kThorough);
    ASSERT_TRUE(run.agreed()) << run.diverged->law;
    ASSERT_LE(run.steps.size(), trace.calls.size());
    for (std::size_t i = 0; i < run.steps.size(); ++i) EXPECT_EQ(run.steps[i].call, trace.calls[i]);
  }
}

TEST(Run, ReportsAWrongResult) {
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameCount>(op)) ++answer.reply.results[0];
  });
  for (const check::How how : {check::How{}, kThorough}) {
    const check::Run run = ::run(cloned_twice(3), system, how);
    ASSERT_FALSE(run.agreed());
    EXPECT_EQ(run.diverged->oracle, Oracle::answer);
    EXPECT_EQ(run.diverged->step, 2u);
    EXPECT_EQ(run.diverged->law, "INV-13");
    EXPECT_EQ(run.steps.back().seen.reply.results[0], 3u);
    EXPECT_EQ(run.steps.back().expected.reply.results[0], 2u);
  }
}

// Insists on what nobody may ever do.
struct Unfulfillable : reference::Model {
  using Model::Model;
  Answer step(std::uint8_t, const auto&, const Answer&) {
    return {{.status = Status::impermissible}, {}};
  }
};

TEST(Run, ReportsAStatusThatOnlyTheModelMayGive) {
  Ideal system([](Ideal&, std::uint8_t, const Op&, Answer& answer) {
    answer = {{.status = Status::impermissible}, {}};
  });
  const check::Run run = check::run<Unfulfillable>(cloned_twice(), system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::answer);
  EXPECT_EQ(run.diverged->step, 0u);
}

// Shows how its allocator keeps pages 8 to 15: as it likes.
struct Keeper : Ideal {
  void free_blocks(auto&& see) const {
    ++times_asked;
    for (const trace::FreeBlock& block : kept) see(block);
  }
  trace::Answer apply(std::uint8_t lane, const Op& op) {
    const trace::Answer answer = Ideal::apply(lane, op);
    if (answer.choices.taken.count != 0) kept = after_taking;
    return answer;
  }

  std::vector<trace::FreeBlock> kept{{8, 8, trace::kGlobalPool}};
  std::vector<trace::FreeBlock> after_taking{
      {9, 1, trace::kFirstCache}, {10, 2, trace::kGlobalPool}, {12, 4, trace::kFirstPool}};
  mutable int times_asked = 0;
};

// Two calls that the allocator hears nothing of, one that takes page 8, and one more.
const std::vector<Op> kOneIsTaken{trace::FrameFromUnused{{6}, {}, {}, {0}}, trace::FrameDrop{{0}},
                                  trace::AllocFrame{{}, {}, {1}, {}}, trace::FrameCount{{1}}};

TEST(Run, LooksAtFreeBlocksWhenTheyMayHaveChanged) {
  static_assert(check::ShowsFreeBlocks<Keeper> && !check::ShowsFreeBlocks<Ideal>);
  Keeper system;
  EXPECT_TRUE(run(of_calls(kOneIsTaken), system).agreed());
  EXPECT_EQ(system.times_asked, 2);  // At first, and when one was taken: page 6 is loose.
}

TEST(Run, ReportsFreeBlocksThatCannotBe) {
  for (const check::How how : {check::How{}, kThorough}) {
    Keeper system;
    system.after_taking = system.kept;  // Page 8 is kept as well as taken.
    const check::Run run = ::run(of_calls(kOneIsTaken), system, how);
    ASSERT_FALSE(run.agreed());
    EXPECT_EQ(run.diverged->oracle, Oracle::facts);
    EXPECT_EQ(run.diverged->law, "B.10");
    EXPECT_EQ(run.diverged->step, 2u);
    EXPECT_EQ(run.diverged->unexpected, (check::Facts{trace::FreeBlock{8, 8, 0}}));
  }
}

TEST(Run, ReportsFreeBlocksThatCannotBeFromTheBeginning) {
  for (const std::ptrdiff_t first : {0, 2}) {  // Whether or not the allocator is asked then.
    Keeper system;
    system.kept = {{8, 4, trace::kGlobalPool}, {12, 4, trace::kGlobalPool}};
    const check::Run run =
        ::run(of_calls({kOneIsTaken.begin() + first, kOneIsTaken.end()}), system);
    ASSERT_FALSE(run.agreed());
    EXPECT_EQ(run.diverged->law, "B.10");
    EXPECT_EQ(run.diverged->step, 0u);
  }
}

TEST(Run, ReportsAWrongFactOfATouchedPage) {
  Ideal system([](Ideal& self, std::uint8_t, const Op& op, Answer&) {
    if (is<trace::FrameDrop>(op)) self.count_off[6] = 1;
  });
  const check::Run run = ::run(cloned_twice(), system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::facts);
  EXPECT_EQ(run.diverged->step, 3u);
  EXPECT_EQ(run.diverged->law, "INV-13");
  ASSERT_EQ(run.diverged->missing.size(), 1u);
  ASSERT_EQ(run.diverged->unexpected.size(), 1u);
  EXPECT_EQ(std::get<trace::PageInUse>(run.diverged->missing[0]).count, 2u);
  EXPECT_EQ(std::get<trace::PageInUse>(run.diverged->unexpected[0]).count, 3u);
  EXPECT_EQ(check::what_is_wrong(*run.diverged, run.steps.back()),
            "frame_drop left page 6 with count 3, not 2 (INV-13)");
}

TEST(Run, ReportsAStrayChangeAtItsOwnStep) {
  Ideal system([](Ideal& self, std::uint8_t, const Op& op, Answer&) {
    if (is<trace::FrameClone>(op)) self.count_off[3] = 1;
  });
  const check::Run run = ::run(cloned_twice(5), system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::digest);
  EXPECT_EQ(run.diverged->step, 1u);
  EXPECT_EQ(run.diverged->law, "POST-3");
}

// The fault is in call 152, which digest and touched pages do not show; nothing happens there
// later.
trace::Trace with_a_late_difference() {
  trace::Trace trace = of_calls({trace::FrameFromUnused{{6}, {}, {}, {0}}});
  trace.calls.push_back({{}, trace::FrameFromUnused{{3}, {}, {}, {1}}});
  for (int i = 0; i < 150; ++i) trace.calls.push_back({{}, trace::FrameCount{{0}}});
  trace.calls.push_back({{}, trace::FrameClone{{0}, {2}}});
  for (int i = 0; i < 150; ++i) trace.calls.push_back({{}, trace::FrameCount{{0}}});
  return trace;
}
void hide_a_change_of_page_3(Ideal& self, std::uint8_t, const Op& op, Answer&) {
  if (is<trace::FrameClone>(op)) self.hidden_off[3] = 1;
}

TEST(Run, SeesALateDifferenceWhenAllIsCompared) {
  Ideal system(hide_a_change_of_page_3);
  const check::Run run = ::run(with_a_late_difference(), system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::state);
  EXPECT_EQ(run.diverged->step, 191u);  // 192 is a multiple of 64.
}

TEST(Run, SeesALateDifferenceAtTheEndOfAShortTrace) {
  Ideal system(hide_a_change_of_page_3);
  const trace::Trace trace =
      of_calls({trace::FrameFromUnused{{6}, {}, {}, {0}}, trace::FrameFromUnused{{3}, {}, {}, {1}},
                trace::FrameClone{{0}, {2}}, trace::FrameCount{{0}}});
  const check::Run run = ::run(trace, system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::state);
  EXPECT_EQ(run.diverged->step, 3u);
}

TEST(Run, BisectsALateDifferenceToTheStepThatMadeIt) {
  for (const check::How how : {check::How{}, kThorough}) {
    Ideal system(hide_a_change_of_page_3);
    const check::Run run = confirmed_run(with_a_late_difference(), system, how);
    ASSERT_FALSE(run.agreed());
    EXPECT_FALSE(run.unconfirmed);
    EXPECT_EQ(run.diverged->oracle, Oracle::state);
    EXPECT_EQ(run.diverged->step, 152u);
    EXPECT_TRUE(is<trace::FrameClone>(run.steps.back().call.op));
    EXPECT_EQ(run.diverged->law, "INV-13");
  }
}

TEST(Run, NeedsTheOperationBeforeItIfTheFaultDoes) {
  Ideal system([](Ideal& self, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameDrop>(op) && self.times<trace::FrameClone>() > 1) answer = {};
  });
  EXPECT_FALSE(run(cloned_twice(), system).agreed());
  trace::Trace once = cloned_twice();
  once.calls.erase(once.calls.begin() + 2);
  EXPECT_TRUE(run(once, system).agreed());
}

// Counts one too many.
struct Miscounting : reference::Model {
  using Model::Model;
  Answer step(std::uint8_t lane, const Op& op, const Answer& seen) {
    Answer answer = Model::step(lane, op, seen);
    if (is<trace::FrameCount>(Op(op)) && answer.reply.status == Status::ok) {
      ++answer.reply.results[0];
    }
    return answer;
  }
};

TEST(Run, ReportsAReferenceThatBreaksItsOwnLaw) {
  Ideal as_wrong([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameCount>(op)) ++answer.reply.results[0];
  });
  EXPECT_TRUE(
      check::run<Miscounting>(cloned_twice(3), as_wrong).agreed());  // Both are wrong alike.
  const check::Run run = check::confirmed_run<Miscounting>(cloned_twice(3), as_wrong, kThorough);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->oracle, Oracle::law);
  EXPECT_EQ(run.diverged->law, "INV-13");
  EXPECT_EQ(run.diverged->step, 2u);
}

TEST(Run, EndsAtAnAbortOnWhichBothAgree) {
  Ideal system;
  const trace::Trace trace =
      of_calls({trace::FrameFromUnused{{6}, {}, {}, {0}},
                trace::FrameCountPreload{{0}, {trace::Count::kFirstHuge + 1}},  // To 2^63 - 2.
                trace::FrameClone{{0}, {1}}, trace::FrameClone{{0}, {2}}, trace::FrameCount{{0}}});
  check::Tally tally;
  const check::Run run = ::run(trace, system, {Thoroughness::thorough, &tally});
  ASSERT_TRUE(run.agreed()) << run.diverged->law;
  ASSERT_EQ(run.steps.size(), 4u);
  EXPECT_EQ(run.steps.back().seen.reply.status, Status::aborted);
  EXPECT_EQ(system.rebuilds, 1);
  EXPECT_EQ(tally.count(Op(trace::FrameCount{}).index(), Status::ok), 0u);
}

TEST(Run, RebuildsASystemThatDiverged) {
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameDrop>(op)) answer = {};
  });
  EXPECT_FALSE(run(cloned_twice(), system).agreed());
  EXPECT_EQ(system.rebuilds, 1);
}

TEST(ConfirmedRun, SaysSoWhenADivergenceDoesNotRepeat) {
  Ideal system([](Ideal& self, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameDrop>(op) && self.survives_reset++ > 0) ++answer.reply.results[0];
  });
  EXPECT_TRUE(confirmed_run(cloned_twice(), system).agreed());  // Leaves something behind.
  const check::Run second = confirmed_run(cloned_twice(), system);
  EXPECT_FALSE(second.agreed());
  EXPECT_TRUE(second.unconfirmed);
  EXPECT_EQ(second.diverged->step, 3u);
}

TEST(ConfirmedRun, TalliesEachStepOnce) {
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameDrop>(op)) answer = {};
  });
  check::Tally tally;
  EXPECT_FALSE(confirmed_run(cloned_twice(), system, {.tally = &tally}).agreed());
  EXPECT_EQ(tally.asked(), 4u);
}

TEST(Declines, AnswersTheRestAndTheModelChangesNothing) {
  check::Declines<Ideal, trace::FrameClone, trace::AllocFrame> system;
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    check::Tally tally;
    const check::Run run =
        ::run(unit::some_trace(seed, 400), system, {Thoroughness::thorough, &tally});
    ASSERT_TRUE(run.agreed()) << run.diverged->law;
    EXPECT_GT(tally.declined(), 0u);
    EXPECT_EQ(tally.count(Op(trace::FrameClone{}).index(), Status::ok), 0u);
  }
}

TEST(Declines, MayNotChangeAnythingItself) {
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameClone>(op)) answer = {{.status = Status::declined}, {}};  // But it did it.
  });
  const check::Run run = ::run(cloned_twice(), system);
  ASSERT_FALSE(run.agreed());
  EXPECT_EQ(run.diverged->step, 1u);
}

TEST(Tally, NamesTheOutcomesNeverSeen) {
  check::Tally tally;
  trace::for_each_op([&]<class T>(std::type_identity<T>, std::size_t op) {
    for (const Status status : T::kOutcomes) tally.note(trace::blank_op(op), status);
  });
  EXPECT_EQ(check::missing_outcomes(tally), std::vector<check::Outcome>{});
  const std::size_t drop = Op(trace::FrameDrop{}).index();
  tally.counts[drop][static_cast<std::size_t>(Status::panicked)] = 0;
  EXPECT_EQ(check::missing_outcomes(tally),
            (std::vector<check::Outcome>{{drop, Status::panicked}}));
  const std::vector<check::Outcome> at_once = check::missing_outcomes(tally, true);
  EXPECT_EQ(at_once.size(), 4u);  // And busy, of the three that name pages.
  tally.note(trace::FrameClone{}, Status::passed_over);
  EXPECT_EQ(tally.passed_over(), 1u);
}

TEST(Bisect, FindsTheFirstBadInAboutLog2Questions) {
  for (std::size_t first = 1; first <= 1000; ++first) {
    std::size_t questions = 0;
    const std::size_t found = check::first_bad(0, 1000, [&](std::size_t at) {
      ++questions;
      return at >= first;
    });
    EXPECT_EQ(found, first);
    EXPECT_LE(questions, 10u);
  }
}

}  // namespace
