// SPDX-License-Identifier: MPL-2.0
// The scheduler: deadlocks and endless runs are verdicts, every schedule is visited once, a weak
// compare-exchange fails where it may, and a schedule replays.
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "check/explore/platform.h"

namespace {

using namespace check::explore;
using Flag = Explored::Atomic<mm::u64>;
using Lanes = std::vector<std::function<void()>>;
using enum std::memory_order;

void lock(Flag& flag) {
  while (flag.exchange(1, acquire) != 0) Explored::spin_hint();
}
void unlock(Flag& flag) { flag.store(0, release); }

void lock_by_compare_exchange(Flag& flag) {
  for (mm::u64 seen = 0; !flag.compare_exchange_weak(seen, 1, acquire, relaxed); seen = 0) {
    Explored::spin_hint();
  }
}

struct Count {
  int schedules = 0, deadlocks = 0, endless = 0;
};

Count two_locks(bool in_one_order, void (*take)(Flag&), Bounds bounds = {}) {
  Count count;
  Exhaustive chooser(bounds);
  do {
    Flag a(0), b(0);
    auto both = [&](Flag& first, Flag& second) {
      take(first);
      take(second);
      unlock(second);
      unlock(first);
    };
    const Lanes lanes = {[&] { both(a, b); }, [&] { in_one_order ? both(a, b) : both(b, a); }};
    const End end = Scheduler::run(lanes, chooser);
    ++count.schedules;
    count.deadlocks += end == End::deadlock ? 1 : 0;
    count.endless += end == End::endless ? 1 : 0;
  } while (chooser.next());
  return count;
}

TEST(Scheduler, DeadlockIsFoundExactlyIfThereIsOne) {
  for (auto* take : {&lock, &lock_by_compare_exchange}) {
    const Count good = two_locks(true, take), bad = two_locks(false, take);
    std::printf("%d of %d, and %d of %d schedules end in deadlock\n", good.deadlocks,
                good.schedules, bad.deadlocks, bad.schedules);
    EXPECT_EQ(good.deadlocks, 0);
    EXPECT_GT(bad.deadlocks, 0);
    EXPECT_LT(bad.deadlocks, bad.schedules);
    EXPECT_EQ(good.endless + bad.endless, 0);
  }
}

TEST(Scheduler, OnePreemptionIsEnoughForADeadlockAndNoneIsNot) {
  EXPECT_EQ(two_locks(false, lock, {.preemptions = 0}).deadlocks, 0);
  EXPECT_GT(two_locks(false, lock, {.preemptions = 1}).deadlocks, 0);
}

TEST(Scheduler, ALaneThatNeverEndsIsEndless) {
  Flag flag(0);
  const Lanes lanes = {[&] {
                         while (flag.load(relaxed) == 0) {
                         }
                       },
                       [&] { (void)flag.load(relaxed); }};
  Random chooser(1);
  EXPECT_EQ(Scheduler::run(lanes, chooser), End::endless);
  Exhaustive one_by_one({.preemptions = 0});  // The lane goes unasked.
  EXPECT_EQ(Scheduler::run(lanes, one_by_one), End::endless);
}

TEST(Scheduler, AbandonedLanesLeaveRoomForTheNextRun) {
  for (int i = 0; i < 3; ++i) {
    Flag never(0), counted(0);
    Random chooser(7);
    const Lanes stuck = {[&] {
      while (never.load(acquire) == 0) Explored::spin_hint();
    }};
    EXPECT_EQ(Scheduler::run(stuck, chooser), End::deadlock);
    const Lanes fine = {[&] { counted.fetch_add(1, relaxed); },
                        [&] { counted.fetch_add(1, relaxed); }};
    EXPECT_EQ(Scheduler::run(fine, chooser), End::finished);
    EXPECT_EQ(counted.load(relaxed), 2u);
  }
}

// Two lanes of n accesses each can be interleaved in (2n)! / (n! n!) ways.
TEST(Scheduler, ExhaustiveVisitsEveryInterleavingOnce) {
  std::set<std::string> seen;
  int schedules = 0;
  Exhaustive chooser;
  do {
    std::string order;
    Flag flag(0);
    auto lane = [&](char name) {
      return [&flag, &order, name] {
        for (int i = 0; i < 3; ++i) {
          flag.fetch_add(1, relaxed);
          order += name;
        }
      };
    };
    const Lanes lanes = {lane('a'), lane('b')};
    ASSERT_EQ(Scheduler::run(lanes, chooser), End::finished);
    ++schedules;
    seen.insert(order);
  } while (chooser.next());
  EXPECT_EQ(schedules, 20);
  EXPECT_EQ(seen.size(), 20u);
}

// Two lanes of 3 accesses each. Without preemption the one goes, then the other: 2 ways. With one,
// the first stops after its 1st or 2nd access, the other goes to its end: 4. With two, the other
// stops after its 1st or 2nd in turn, and the first goes on to its end: 8.
TEST(Scheduler, PreemptionsAreBounded) {
  const std::map<std::uint32_t, int> expected = {{0, 2}, {1, 2 + 4}, {2, 2 + 4 + 8}};
  for (const auto& [bound, count] : expected) {
    int schedules = 0;
    Exhaustive chooser({.preemptions = bound});
    do {
      Flag flag(0);
      auto thrice = [&] {
        for (int i = 0; i < 3; ++i) flag.fetch_add(1, relaxed);
      };
      ASSERT_EQ(Scheduler::run(Lanes{thrice, thrice}, chooser), End::finished);
      ++schedules;
    } while (chooser.next());
    EXPECT_EQ(schedules, count) << bound;
  }
}

TEST(Scheduler, AWeakCompareExchangeMayFailOnceAndAStrongOneNot) {
  for (const std::uint32_t bound : {0u, 1u}) {
    int schedules = 0, failures = 0;
    Exhaustive chooser({.failures = bound});
    do {
      Flag flag(0);
      const Lanes lanes = {[&] {
        Scheduler::begin(0);
        mm::u64 seen = 0;
        if (!flag.compare_exchange_weak(seen, 1, acquire, relaxed)) {
          ++failures;
          EXPECT_EQ(seen, 0u);
          EXPECT_TRUE(flag.compare_exchange_weak(seen, 1, acquire, relaxed));
        }
        EXPECT_FALSE(flag.compare_exchange_weak(seen = 0, 2, acquire, relaxed));
        EXPECT_TRUE(flag.compare_exchange_strong(seen, 2, acquire, relaxed));
        Scheduler::end();
      }};
      ASSERT_EQ(Scheduler::run(lanes, chooser), End::finished);
      ++schedules;
    } while (chooser.next());
    EXPECT_EQ(schedules, bound == 0 ? 1 : 2);
    EXPECT_EQ(failures, bound == 0 ? 0 : 1);
  }
}

// A loop that was refused may look at what it was refused with before anybody else moves.
TEST(Scheduler, ACompareExchangeLoopGoesOnAtOnceOrLater) {
  std::set<std::string> orders;
  Exhaustive chooser;
  do {
    std::string order;
    Flag flag(0);
    const Lanes lanes = {[&] {
                           mm::u64 seen = flag.load(relaxed);
                           while (!flag.compare_exchange_strong(seen, seen + 1, relaxed, relaxed)) {
                             Explored::spin_hint();
                           }
                           order += 'a';
                         },
                         [&] {
                           flag.fetch_add(1, relaxed);
                           order += 'b';
                           flag.fetch_add(0, relaxed);
                           order += 'c';
                         }};
    ASSERT_EQ(Scheduler::run(lanes, chooser), End::finished);
    orders.insert(order);
  } while (chooser.next());
  EXPECT_EQ(orders, (std::set<std::string>{"abc", "bac", "bca"}));
}

// Three lanes that read and write, lock, and try weakly; what comes out depends on the schedule.
mm::u64 last_to_write(Chooser& chooser, End* end, std::vector<trace::Choice>* schedule,
                      bool in_one_order, int more = 0) {
  Flag flag(0), a(0), b(0);
  Lanes lanes;
  for (mm::u64 i = 1; i <= 3; ++i) {
    lanes.push_back([&, i] {
      Scheduler::begin(0);
      flag.store(flag.load(relaxed) * 10 + i, relaxed);
      Scheduler::end();
      Scheduler::begin(1);
      for (int k = 0; k < more; ++k) (void)flag.load(relaxed);
      lock_by_compare_exchange(in_one_order || i != 2 ? a : b);
      lock(in_one_order || i != 2 ? b : a);
      mm::u64 seen = flag.load(relaxed);
      while (!flag.compare_exchange_weak(seen, seen * 10 + i, relaxed, relaxed)) {
      }
      unlock(a);
      unlock(b);
      Scheduler::end();
    });
  }
  *end = Scheduler::run(lanes, chooser);
  *schedule = Scheduler::schedule();
  return flag.load(relaxed);
}

template <class Some>
void replays() {
  int deadlocks = 0, failures = 0;
  std::size_t longest = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::vector<trace::Choice> first, again;
    End end, end_again;
    Some some(seed);
    const mm::u64 seen = last_to_write(some, &end, &first, seed % 2 == 0);
    Replay replay(first);
    ASSERT_EQ(last_to_write(replay, &end_again, &again, seed % 2 == 0), seen) << seed;
    ASSERT_EQ(end, end_again) << seed;
    ASSERT_EQ(first, again) << seed;
    deadlocks += end == End::deadlock ? 1 : 0;
    for (const auto& choice : first) failures += choice.what == trace::Choice::What::failure;
    longest = std::max(longest, first.size());
  }
  std::printf("1000 of 1000, of them %d deadlocks; %d failures, longest %zu\n", deadlocks, failures,
              longest);
  EXPECT_GT(deadlocks, 0);
  EXPECT_GT(failures, 0);
}

TEST(Scheduler, SchedulesReplayThatWereDrawn) { replays<Random>(); }
TEST(Scheduler, SchedulesReplayThatHadPriorities) { replays<Pct>(); }

TEST(Scheduler, AScheduleStillMeansSomethingAfterAnEdit) {
  for (std::uint64_t seed = 0;; ++seed) {
    std::vector<trace::Choice> schedule, again;
    End end;
    Random random(seed);
    (void)last_to_write(random, &end, &schedule, false);
    if (end != End::deadlock) continue;
    // Places of lanes that are not there, and of operations that never come, are passed.
    schedule.insert(schedule.begin(), {trace::Choice::What::turn, {200, 0, 0}});
    schedule.insert(schedule.begin() + 1, {trace::Choice::What::turn, {3, 7, 7}});
    schedule.push_back({trace::Choice::What::failure, {1, 9, 9}});
    Replay same(schedule);
    (void)last_to_write(same, &end, &again, false);
    EXPECT_EQ(end, End::deadlock);
    // Other points may make it another run, but a run it is.
    Replay edited(schedule);
    (void)last_to_write(edited, &end, &again, false, 2);
    EXPECT_NE(end, End::endless);
    break;
  }
}

// A bug that needs two turns in the right places of many.
template <class Some>
int tries_until_found() {
  Some chooser(1);
  for (int tries = 1; tries < 10'000; ++tries) {
    Flag flag(0), other(0);
    bool is_found = false;
    const Lanes lanes = {[&] {
                           for (int i = 0; i < 20; ++i) (void)other.load(relaxed);
                           flag.store(1, relaxed);
                           flag.store(2, relaxed);
                           for (int i = 0; i < 20; ++i) (void)other.load(relaxed);
                         },
                         [&] {
                           for (int i = 0; i < 20; ++i) (void)other.load(relaxed);
                           is_found = flag.load(relaxed) == 1;
                           for (int i = 0; i < 20; ++i) (void)other.load(relaxed);
                         }};
    (void)Scheduler::run(lanes, chooser);
    if (is_found) return tries;
  }
  return 10'000;
}

TEST(Choosers, FindWhatNeedsTwoTurnsInTheRightPlaces) {
  EXPECT_LT(tries_until_found<Random>(), 1000);
  EXPECT_LT(tries_until_found<Pct>(), 2000);
}

}  // namespace
