// SPDX-License-Identifier: MPL-2.0
// Shrinking: it takes few tries, finds the known minimum, and finds the same one whatever the
// trace it began with.
#include "check/shrink.h"

#include <gtest/gtest.h>
#include <map>

#include "props/unit/ideal_system.h"
#include "trace/text.h"

namespace {

using trace::Answer;
using trace::Call;
using trace::Choice;
using trace::Op;
using trace::Status;
using trace::Trace;
using unit::Ideal;

template <class OneOp>
bool is(const Op& op) {
  return std::holds_alternative<OneOp>(op);
}

std::string text_of(const Trace& trace) {
  std::ostringstream out;
  out << trace;
  return out.str();
}

Trace of_calls(std::vector<Op> ops) {
  Trace trace;
  trace.machine = {.pages = {16}, .loose = {8}, .cpus = {2}};
  for (const Op& op : ops) trace.calls.push_back({{}, op});
  return trace;
}

// ---- How much it costs.

bool is_needed(const Call& call) {
  const auto* op = std::get_if<trace::FrameFromUnused>(&call.op);
  return op != nullptr && op->at.page == 42;
}

// Any calls, ten of which, anywhere, are the ones that matter.
Trace ten_of_a_thousand(std::uint32_t seed) {
  Trace trace = unit::some_trace(seed, 1000);
  for (Call& call : trace.calls) {
    if (is_needed(call)) call.op = trace::FrameDrop{};
  }
  std::minstd_rand random(seed + 1);
  for (std::size_t needed = 0; needed < 10;) {
    Call& call = trace.calls[random() % trace.calls.size()];
    if (is_needed(call)) continue;
    call.op = trace::FrameFromUnused{{42}, {trace::KindName::value24}, {17}, {5}};
    ++needed;
  }
  return trace;
}

TEST(Shrink, TakesFewTriesFromAThousandToTen) {
  std::size_t most = 0, sum = 0;
  constexpr std::size_t kSeeds = 30;
  for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
    std::size_t asked = 0;
    const check::Shrunk shrunk = check::shrink(ten_of_a_thousand(seed), [&](const Trace& smaller) {
      ++asked;
      return std::ranges::count_if(smaller.calls, is_needed) >= 10;
    });
    EXPECT_EQ(shrunk.trace.calls.size(), 10u);
    EXPECT_EQ(shrunk.tries, asked);
    EXPECT_EQ(text_of(shrunk.trace).find("value24"), std::string::npos);  // Fields are smaller too.
    most = std::max(most, asked);
    sum += asked;
  }
  std::cout << "from 1000 calls to the 10 that matter: " << sum / kSeeds << " tries, at most "
            << most << '\n';
  EXPECT_LE(most, 400u);
}

TEST(Shrink, StaysWithinItsBudget) {
  for (const std::size_t budget : {0u, 1u, 37u}) {
    std::size_t asked = 0;
    const check::Shrunk shrunk =
        check::shrink(ten_of_a_thousand(1),
                      [&](const Trace& smaller) {
                        ++asked;
                        return std::ranges::count_if(smaller.calls, is_needed) >= 10;
                      },
                      {.tries = budget});
    EXPECT_EQ(asked, budget);
    EXPECT_EQ(shrunk.tries, budget);
    EXPECT_EQ(std::ranges::count_if(shrunk.trace.calls, is_needed), 10);
  }
}

TEST(Shrink, TriesFirstWithoutWhatFollowsTheFailingStep) {
  const Trace trace = ten_of_a_thousand(3);
  check::Shrinker shrinker(trace, 700);
  const auto first = shrinker.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->trace.calls.size(), 701u);
}

// ---- Where it ends.

struct Fault {
  const char* name;
  std::size_t minimum;
  Ideal::Fault play;
};

std::vector<Fault> faults() {
  std::vector<Fault> all;
  auto add = [&](const char* name, std::size_t minimum, Ideal::Fault play) {
    all.push_back({name, minimum, std::move(play)});
  };
  add("a clone of a borrowed frame fails", 2,
      [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
        if (is<trace::FrameBorrowClone>(op)) answer.reply.status = Status::busy;
      });
  add("a drop after a unique frame became shared is told wrongly", 3,
      [](Ideal& self, std::uint8_t, const Op& op, Answer& answer) {
        if (is<trace::FrameDrop>(op) && self.times<trace::UniqueIntoShared>() > 0) {
          answer.reply.results[1] += 2;
        }
      });
  add("three handles count as two", 3, [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameCount>(op) && answer.reply.results[0] >= 3) --answer.reply.results[0];
  });
  add("no panic at the last dynamic handle", 3,
      [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
        if (is<trace::FrameDrop>(op) && answer.reply.status == Status::panicked) answer = {};
      });
  add("from_raw changes what only a whole comparison shows", 3,
      [](Ideal& self, std::uint8_t, const Op& op, Answer&) {
        if (is<trace::FrameFromRaw>(op)) self.hidden_off.fill(1);
      });
  add("every kind is taken for full40", 3, [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    const auto* asked = std::get_if<trace::FrameTryFrom>(&op);
    if (asked && asked->kind.name == trace::KindName::full40) answer.reply.status = Status::ok;
  });
  add("reset reads another page", 2, [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::UniqueReset>(op) && answer.reply.results[4] != 0) --answer.reply.results[4];
  });
  add("two handles of a page are unequal", 3,
      [](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
        const auto* asked = std::get_if<trace::FrameEqual>(&op);
        if (asked && asked->left != asked->right) answer.reply.results[0] = 0;
      });
  add("repurpose after a drop ends too much", 4,
      [](Ideal& self, std::uint8_t, const Op& op, Answer& answer) {
        if (is<trace::UniqueRepurpose>(op) && self.times<trace::FrameDrop>() > 0) {
          ++answer.reply.results[1];
        }
      });
  add("busy for want of memory", 2, [](Ideal&, std::uint8_t, const Op&, Answer& answer) {
    if (answer.reply.status == Status::no_memory) answer.reply.status = Status::busy;
  });
  return all;
}

TEST(Shrink, FindsTheKnownMinimumAndOnlyOne) {
  constexpr std::uint32_t kSeeds = 30;
  std::size_t found = 0, minimal = 0;
  for (const Fault& fault : faults()) {
    Ideal system(fault.play);
    std::map<std::string, int> results;
    auto fails = [&](const Trace& smaller) {
      return !check::run<reference::Model>(smaller, system).agreed();
    };
    for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
      const Trace trace = unit::some_trace(seed, 1000);
      const check::Run run = check::run<reference::Model>(trace, system);
      if (run.agreed()) continue;
      const check::Shrunk shrunk = check::shrink(trace, fails, {}, run.diverged->step);
      EXPECT_GE(shrunk.trace.calls.size(), fault.minimum) << fault.name << shrunk.trace;
      ++found;
      minimal += shrunk.trace.calls.size() == fault.minimum;
      ++results[text_of(shrunk.trace)];
    }
    EXPECT_GT(results.size(), 0u) << fault.name << ": never seen";
    EXPECT_LE(results.size(), 3u) << fault.name;
    if (results.size() != 1) std::cout << fault.name << ": " << results.size() << " results\n";
  }
  std::cout << "minimal: " << minimal << " of " << found << '\n';
  EXPECT_GE(minimal * 10, found * 9);
}

TEST(Shrink, PutsOneOperationInThePlaceOfTwo) {
  // What matters is that a shared frame is dropped; how it came to be does not.
  const Trace trace = of_calls({trace::UniqueFromUnused{{5}, {}, {}, {2}},
                                trace::UniqueIntoShared{{2}, {3}}, trace::FrameDrop{{3}}});
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameDrop>(op)) ++answer.reply.results[1];
  });
  const check::Shrunk shrunk = check::shrink(trace, [&](const Trace& smaller) {
    return !check::run<reference::Model>(smaller, system).agreed();
  });
  EXPECT_EQ(text_of(shrunk.trace),
            "2 pages (1 loose), 1 CPU\n"
            "  cpu0 frame_from_unused at=page0 kind=empty value=0 to=f0\n"
            "  cpu0 frame_drop from=f0\n");
}

TEST(Shrink, ForgetsThatAHandleWasMovedAbout) {
  const Trace trace =
      of_calls({trace::FrameFromUnused{{5}, {}, {}, {2}}, trace::FrameIntoRaw{{2}, {1}},
                trace::FrameFromRaw{{1}, {6}}, trace::FrameClone{{6}, {4}}, trace::FrameDrop{{6}},
                trace::FrameUsage{{4}}});
  Ideal system([](Ideal&, std::uint8_t, const Op& op, Answer& answer) {
    if (is<trace::FrameUsage>(op)) ++answer.reply.results[0];
  });
  const check::Shrunk shrunk = check::shrink(trace, [&](const Trace& smaller) {
    return !check::run<reference::Model>(smaller, system).agreed();
  });
  EXPECT_EQ(shrunk.trace.calls.size(), 2u) << shrunk.trace;
}

TEST(Shrink, LowersOperandsByTheirNoun) {
  Trace trace = of_calls({trace::UniqueFromUnused{
      {trace::PhysPlace::kFirstOutside + 9, 0xfe}, {trace::KindName::meta}, {0xfffe}, {3}}});
  trace.calls[0].lane.index = 1;
  auto shrunk_if = [&](auto matters) {
    return std::get<trace::UniqueFromUnused>(
        check::shrink(trace,
                      [&](const Trace& smaller) {
                        const auto* op =
                            smaller.calls.size() == 1
                                ? std::get_if<trace::UniqueFromUnused>(&smaller.calls[0].op)
                                : nullptr;
                        return op != nullptr && matters(*op);
                      })
            .trace.calls[0]
            .op);
  };
  using One = trace::UniqueFromUnused;
  EXPECT_EQ(shrunk_if([](const One&) { return true; }), One{});
  EXPECT_EQ(shrunk_if([](const One& op) { return op.at.is_outside(); }),
            (One{{trace::PhysPlace::kFirstOutside}, {}, {}, {}}));
  EXPECT_EQ(shrunk_if([](const One& op) { return op.at.offset != 0; }),
            (One{{0, trace::PageOffset::kFirstOther}, {}, {}, {}}));
  EXPECT_EQ(shrunk_if([](const One& op) { return op.value.value() >= 1000; }).value.raw / 2 < 1000,
            true);
  EXPECT_EQ(shrunk_if([](const One& op) { return op.value.value() > 0xffff; }).value.raw,
            trace::Count::kFirstHuge);
  EXPECT_EQ(shrunk_if([](const One& op) { return trace::words_of(op.kind.name) == 1; }).kind.name,
            trace::KindName::value8);
}

// The simplest operation of this type for which `matters` holds.
template <class T>
T lowered(const T& op, auto matters) {
  const check::Shrunk shrunk = check::shrink(of_calls({op}), [&](const Trace& smaller) {
    const auto* one = smaller.calls.size() == 1 ? std::get_if<T>(&smaller.calls[0].op) : nullptr;
    return one != nullptr && matters(*one);
  });
  return std::get<T>(shrunk.trace.calls[0].op);
}

TEST(Shrink, LowersExtentsOrdersAndFlags) {
  using trace::AllocBlock, trace::AllocFrame, trace::BootAddRegion, trace::SegmentSlice;
  const SegmentSlice slice{{2}, {0xfffe, 0xfd}, {5, 0}, {3}};
  EXPECT_EQ(lowered(slice, [](const auto&) { return true; }), SegmentSlice{});
  EXPECT_EQ(lowered(slice, [](const auto& op) { return op.end.value() >= 3 * 4096; }),
            (SegmentSlice{{}, {}, {3, 0}, {}}));
  EXPECT_EQ(lowered(slice, [](const auto& op) { return op.begin.value() > (1u << 30); }),
            (SegmentSlice{{}, {trace::Extent::kFirstHuge, 0}, {}, {}}));
  EXPECT_EQ(lowered(slice, [](const auto& op) { return op.begin.value() % 4096 != 0; }),
            (SegmentSlice{{}, {0, trace::PageOffset::kFirstOther}, {}, {}}));
  EXPECT_EQ(lowered(AllocBlock{{9}, {6}, {3}}, [](const auto& op) { return op.align.value >= 2; }),
            (AllocBlock{{}, {2}, {}}));
  EXPECT_EQ(lowered(AllocFrame{{}, {}, {3}, {1}}, [](const auto& op) { return op.zeroed.value(); }),
            (AllocFrame{{}, {}, {}, {1}}));
  EXPECT_EQ(lowered(BootAddRegion{{{97, 0xfe}}, {20, 0}, {trace::RegionName::usable}},
                    [](const auto& op) { return op.at.at.page >= 64; }),
            (BootAddRegion{{{64, 0}}, {}, {}}));
}

TEST(Shrink, PutsFramesInThePlaceOfSegments) {
  // What matters is that a page is given up; that it was part of a segment does not.
  const Trace trace =
      of_calls({trace::SegmentFromUnused{{2}, {5}, {}, {}, {1}}, trace::SegmentClone{{1}, {3}},
                trace::SegmentDrop{{1}}, trace::SegmentNext{{3}, {4}}, trace::FrameDrop{{4}}});
  const check::Shrunk shrunk = check::shrink(trace, [](const Trace& smaller) {
    Ideal system;
    bool is_given = false;
    system.reset(smaller.machine);
    for (const Call& call : smaller.calls) {
      const Answer answer = system.apply(0, call.op);
      is_given = is_given || answer.choices.given.count != 0;
    }
    return is_given;
  });
  EXPECT_EQ(text_of(shrunk.trace),
            "2 pages (1 loose), 1 CPU\n"
            "  cpu0 frame_from_unused at=page0 kind=empty value=0 to=f0\n"
            "  cpu0 frame_drop from=f0\n");
}

TEST(Shrink, PutsTheFirstListInThePlaceOfAnother) {
  const Trace trace =
      of_calls({trace::UniqueFromUnused{{2}, {trace::KindName::link_empty}, {}, {1}},
                trace::ListPushFront{{2}, {1}}, trace::ListSize{{2}}});
  const check::Shrunk shrunk = check::shrink(trace, [](const Trace& smaller) {
    Ideal system;
    system.reset(smaller.machine);
    std::uint64_t size = 0;
    for (const Call& call : smaller.calls) {
      const Answer answer = system.apply(0, call.op);
      if (is<trace::ListSize>(call.op)) size = answer.reply.results[0];
    }
    return size == 1;
  });
  EXPECT_EQ(text_of(shrunk.trace),
            "2 pages (1 loose), 1 CPU\n"
            "  cpu0 unique_from_unused at=page0 kind=link value=0 to=u0\n"
            "  cpu0 list_push_back list=l0 from=u0\n"
            "  cpu0 list_size list=l0\n");
}

// A machine of 16 pages of which one of the allocator's is named.
TEST(Shrink, MovesTheAllocatorsPagesDown) {
  const Trace trace =
      of_calls({trace::AllocFrame{{}, {}, {0}, {}}, trace::FrameFromInUse{{8}, {1}}});
  const check::Shrunk shrunk = check::shrink(trace, [](const Trace& smaller) {
    Ideal system;
    system.reset(smaller.machine);
    bool has_joined = false;
    for (const Call& call : smaller.calls) {
      const Answer answer = system.apply(0, call.op);
      const auto* join = std::get_if<trace::FrameFromInUse>(&call.op);
      has_joined = has_joined || (join != nullptr && answer.reply.status == Status::ok &&
                                  smaller.machine.is_allocators(smaller.machine.address(join->at)));
    }
    return has_joined;
  });
  EXPECT_EQ(text_of(shrunk.trace),
            "2 pages (1 loose), 1 CPU\n"
            "  cpu0 alloc_frame kind=empty value=0 to=f0 zeroed=no\n"
            "  cpu0 frame_from_in_use at=page1 to=f1\n");
}

// ---- Lanes at once.

Choice turn(std::uint8_t lane, std::uint32_t op, std::uint32_t point) {
  return {Choice::What::turn, {lane, op, point}};
}
Choice failure(std::uint8_t lane, std::uint32_t op, std::uint32_t point) {
  return {Choice::What::failure, {lane, op, point}};
}

// A prologue of two, then on CPU 0: count, drop, count; on CPU 1: count, from_in_use.
Trace at_once() {
  Trace trace = of_calls({trace::FrameFromUnused{{3}, {}, {}, {0}}, trace::FrameClone{{0}, {1}},
                          trace::FrameCount{{0}}, trace::FrameCount{{0}}, trace::FrameDrop{{0}},
                          trace::FrameFromInUse{{3}, {2}}, trace::FrameCount{{1}}});
  for (const std::size_t i : {3u, 5u}) trace.calls[i].lane.index = 1;
  trace.at_once = true;
  trace.prologue = 2;
  trace.schedule = {turn(0, 1, 2),    turn(1, 0, 3),    turn(0, 2, 1),
                    failure(1, 1, 4), failure(0, 1, 7), turn(1, 9, 9)};
  return trace;
}

TEST(RemoveCalls, MovesTheScheduleOfTheLane) {
  Trace trace = at_once();
  check::remove_calls(trace, 2, 3);  // CPU 0's first.
  EXPECT_EQ(trace.prologue, 2u);
  EXPECT_EQ(trace.schedule, (std::vector{turn(0, 0, 2), turn(1, 0, 3), turn(0, 1, 1),
                                         failure(1, 1, 4), failure(0, 0, 7), turn(1, 9, 9)}));
}

TEST(RemoveCalls, PlacesInARemovedOperationMoveToTheNext) {
  Trace trace = at_once();
  check::remove_calls(trace, 4, 5);  // CPU 0's second.
  EXPECT_EQ(trace.schedule, (std::vector{turn(0, 1, 0), turn(1, 0, 3), turn(0, 1, 1),
                                         failure(1, 1, 4), turn(1, 9, 9)}));
}

TEST(RemoveCalls, LeavesTheScheduleAloneInThePrologue) {
  Trace trace = at_once();
  check::remove_calls(trace, 1, 2);
  EXPECT_EQ(trace.prologue, 1u);
  EXPECT_EQ(trace.schedule, at_once().schedule);
  check::remove_calls(trace, 0, 4);
  EXPECT_EQ(trace.prologue, 0u);
  EXPECT_EQ(trace.calls.size(), 2u);
}

// A race of a drop with a from_in_use, found anew whenever it is there.
bool races(Trace& candidate) {
  if (!candidate.at_once) return false;
  std::array<bool, 2> there{};
  for (std::size_t i = candidate.prologue; i < candidate.calls.size(); ++i) {
    const Call& call = candidate.calls[i];
    if (is<trace::FrameDrop>(call.op)) there[0] = candidate.machine.lane(call.lane) == 0;
    if (is<trace::FrameFromInUse>(call.op)) there[1] = candidate.machine.lane(call.lane) == 1;
  }
  if (!there[0] || !there[1]) return false;
  if (candidate.schedule.size() != 1) candidate.schedule = {turn(0, 0, 1), turn(1, 0, 1)};
  return true;
}

TEST(Shrink, KeepsAtOnceOnlyWhatMustBe) {
  const check::Shrunk shrunk = check::shrink(at_once(), races, {.tries = 400});
  const Trace& trace = shrunk.trace;
  EXPECT_TRUE(trace.at_once);
  EXPECT_EQ(trace.calls.size(), 2u) << trace;
  EXPECT_EQ(trace.prologue, 0u);
  EXPECT_EQ(trace.machine.cpus.count, 2);
  EXPECT_LE(trace.schedule.size(), 1u);
}

TEST(Shrink, TakesTheScheduleThatWasFound) {
  Trace trace = at_once();
  const std::vector<Choice> found{turn(1, 0, 5)};
  const check::Shrunk shrunk =
      check::shrink(trace,
                    [&](Trace& candidate) {
                      if (!candidate.at_once || candidate.machine.cpus.count != 2) return false;
                      candidate.schedule = found;
                      return true;
                    },
                    {.tries = 400});
  EXPECT_EQ(shrunk.trace.schedule, found);
}

TEST(Shrink, MovesWhatNeedNotBeAtOnceIntoThePrologue) {
  Trace trace = at_once();
  const check::Shrunk shrunk = check::shrink(
      trace,
      [](const Trace& candidate) {  // All calls matter; only the drop must be at once.
        if (candidate.calls.size() < 7 || !candidate.at_once) return false;
        return std::any_of(candidate.calls.begin() + candidate.prologue, candidate.calls.end(),
                           [](const Call& call) { return is<trace::FrameDrop>(call.op); });
      },
      {.tries = 2000});
  EXPECT_EQ(shrunk.trace.calls.size(), 7u);
  EXPECT_EQ(shrunk.trace.prologue, 6u) << shrunk.trace;
}

TEST(Shrink, LetsLanesGoAloneIfTheyMay) {
  const check::Shrunk shrunk =
      check::shrink(at_once(), [](const Trace& candidate) { return candidate.calls.size() >= 3; });
  EXPECT_FALSE(shrunk.trace.at_once);
  EXPECT_TRUE(shrunk.trace.schedule.empty());
  EXPECT_EQ(shrunk.trace.machine.cpus.count, 1);
}

// ---- How it goes about it.

// As RapidCheck does it: knowing nothing but nodes.
Trace walked(check::Shrinker node, auto&& fails) {
  while (auto smaller = node.next()) {
    if (fails(smaller->trace)) node = std::move(*smaller);
  }
  return node.trace;
}

TEST(Shrinker, HasItsStateInTheNode) {
  auto fails = [](const Trace& smaller) {
    return std::ranges::count_if(smaller.calls, is_needed) >= 10;
  };
  check::Shrinker node(ten_of_a_thousand(5));
  for (int i = 0; i < 120; ++i) {
    check::Shrinker copy = node;
    const auto one = copy.next();
    const auto two = node.next();
    ASSERT_TRUE(one && two);
    ASSERT_EQ(one->trace, two->trace);
    if (fails(two->trace)) node = *two;
  }
  EXPECT_EQ(walked(node, fails), check::shrink(ten_of_a_thousand(5), fails).trace);
}

TEST(Shrinker, EndsWithASimplerTraceThatFailsWhateverFails) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    Trace trace = unit::some_trace(seed, 1 + seed % 12);
    trace.at_once = seed % 3 == 0;
    if (trace.at_once) trace.schedule = {turn(1, 0, 3), failure(0, 1, 2), turn(0, 1, 9)};
    // Fails at random, but for one trace always alike.
    auto fails = [&](const Trace& candidate) {
      return (check::hash_of(candidate) * 0x9e3779b97f4a7c15 >> 32) % 16 < seed % 4;
    };
    std::size_t steps = 0;
    Trace last = trace;
    const check::Shrunk shrunk = check::shrink(
        trace,
        [&](const Trace& candidate) {
          EXPECT_TRUE(check::is_simpler(candidate, last));
          const Trace read = trace::decode(trace::encode(candidate));
          EXPECT_EQ(read.calls, candidate.calls);  // It is a trace that bytes can say.
          EXPECT_EQ(read.machine, candidate.machine);
          if (!fails(candidate)) return false;
          last = candidate;
          ++steps;
          return true;
        },
        {.tries = 1'000'000});
    EXPECT_EQ(shrunk.trace, last);
    EXPECT_LT(shrunk.tries, 1'000'000u);
  }
}

TEST(Simpler, IsAnOrder) {
  std::vector<Trace> traces;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    traces.push_back(unit::some_trace(seed, seed % 3));
    if (seed % 2 == 0) traces.back().machine.cpus.count = 1;
    if (seed % 5 == 0) traces.back().at_once = true;
  }
  for (const Trace& a : traces) {
    EXPECT_FALSE(check::is_simpler(a, a));
    for (const Trace& b : traces) {
      EXPECT_EQ(check::is_simpler(a, b) || check::is_simpler(b, a), a != b);
      EXPECT_FALSE(check::is_simpler(a, b) && check::is_simpler(b, a));
      for (const Trace& c : traces) {
        if (check::is_simpler(a, b) && check::is_simpler(b, c)) {
          EXPECT_TRUE(check::is_simpler(a, c));
        }
      }
    }
  }
}

TEST(Shrink, IsDeterministic) {
  auto fails = [](const Trace& smaller) {
    return std::ranges::count_if(smaller.calls, is_needed) >= 10;
  };
  const check::Shrunk once = check::shrink(ten_of_a_thousand(8), fails);
  const check::Shrunk again = check::shrink(ten_of_a_thousand(8), fails);
  EXPECT_EQ(once.trace, again.trace);
  EXPECT_EQ(once.tries, again.tries);
}

}  // namespace
