// SPDX-License-Identifier: MPL-2.0
// The reference keeps every law, whatever is asked of it and in whatever order phases go: what it
// computes and what the laws compare say the same in two ways.
#include <gtest/gtest.h>
#include <set>

#include "props/laws/anything.h"
#include "trace/text.h"

namespace laws {
namespace {

using reference::Law;
using reference::Model;

constexpr trace::Machine kMachines[] = {kFourPages,
                                        {.pages = {8}, .loose = {5}, .cpus = {2}},
                                        {.pages = {16}, .loose = {9}, .cpus = {3}},
                                        {.pages = {6}, .loose = {5}, .cpus = {1}},
                                        {.pages = {32}, .loose = {5}, .cpus = {2}, .tables = {3}},
                                        {.pages = {14}, .loose = {3}, .cpus = {2}, .tables = {2}},
                                        {.pages = {40}, .loose = {9}, .cpus = {3}, .tables = {4}}};

std::string text_of(const trace::Op& op) {
  std::ostringstream out;
  trace::print(out, op);
  return out.str();
}

const char* first_broken(const reference::State& state) {
  for (const Law& law : reference::laws()) {
    if (!reference::keeps(law, state)) return law.id;
  }
  return nullptr;
}

TEST(Laws, HoldOverRandomTracesAskedOneByOne) {
  std::size_t asked = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    const trace::Machine& machine = kMachines[seed % std::size(kMachines)];
    Anything anything(seed, machine);
    Model model(machine);
    for (int i = 0; i < 200; ++i) {
      const Asked next = anything(model, anything.lane());
      const Model was = model;
      const trace::Answer answer = ask(model, next, seen_of(anything, model, next));
      const char* const broken = model.broken_law(was, next.lane, next.op, answer);
      ASSERT_EQ(broken, nullptr) << broken << ' ' << seed << ' ' << i << ' ' << text_of(next.op);
      const char* const of_state = first_broken(model.state());
      ASSERT_EQ(of_state, nullptr)
          << of_state << ' ' << seed << ' ' << i << ' ' << text_of(next.op);
      if (answer.reply.status == Status::aborted) break;
      asked += answer.reply.status != Status::passed_over ? 1 : 0;
    }
  }
  EXPECT_GT(asked, 15'000u);
}

TEST(Laws, AreAskedOfEveryOperation) {
  std::set<std::string> asked;
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    const trace::Machine& machine = kMachines[seed % std::size(kMachines)];
    Anything anything(seed, machine);
    Model model(machine);
    for (int i = 0; i < 100; ++i) {
      const Asked next = anything(model, anything.lane());
      if (ask(model, next).reply.status == Status::ok) asked.insert(trace::name_of(next.op));
    }
  }
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    const char* const name = trace::name_of(trace::blank_op(index));
    EXPECT_TRUE(asked.contains(name)) << name;
  }
}

TEST(Laws, HoldBetweenThePhasesOfLanesAtOnce) {
  std::size_t midst = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    const trace::Machine& machine = kMachines[seed % std::size(kMachines)];
    Anything anything(seed, machine);
    Model model(machine);
    for (int i = 0; i < 200; ++i) {
      const std::uint8_t lane = anything.lane();
      if (model.unfinished(lane)) {
        if (anything.below(4) == 0) model.finish(lane);
      } else {
        const Asked next = anything(model, lane);
        if (std::holds_alternative<trace::FrameCountPreload>(next.op)) continue;
        if (model.step(lane, next.op, model.imagine(lane, next.op)).reply.status ==
            Status::aborted) {
          break;
        }
      }
      midst += model.unfinished(0) && model.unfinished(1) ? 1 : 0;
      const char* const broken = first_broken(model.state());
      ASSERT_EQ(broken, nullptr) << broken << ' ' << seed << ' ' << i;
    }
  }
  EXPECT_GT(midst, 500u);
}

void for_each_kind(auto&& each) {
  for (std::uint8_t i = 0; i < trace::Kind::kCount; ++i)
    each(trace::Kind{static_cast<KindName>(i)});
}
template <class Register>
void for_each_of(auto&& each) {
  for (std::uint8_t i = 0; i < Register::kCount; ++i) each(Register{i});
}

// Gives up whatever a lane holds. What may not go as a dynamic handle learns its kind first.
void drop_all(Model& model, std::uint8_t lane) {
  auto drop_frame = [&](trace::Frame frame) {
    for_each_kind([&](trace::Kind kind) { ask(model, {lane, trace::FrameTryFrom{frame, kind}}); });
    ask(model, {lane, trace::FrameDrop{frame}});
  };
  auto drop_segment = [&](trace::Segment segment) {
    for_each_kind([&](trace::Kind kind) {
      ask(model, {lane, trace::SegmentTryFrom{segment, kind}});
    });
    ask(model, {lane, trace::SegmentDrop{segment}});
  };
  ask(model, {lane, trace::CursorClose{}});
  for_each_of<trace::OwnTable>([&](auto place) { ask(model, {lane, trace::TableDrop{place}}); });
  for_each_of<trace::Unique>([&](auto place) { ask(model, {lane, trace::UniqueDrop{place}}); });
  for_each_of<trace::Frame>(drop_frame);
  for_each_of<trace::Raw>([&](auto place) {
    ask(model, {lane, trace::FrameFromRaw{place, f0}});
    drop_frame(f0);
  });
  for_each_of<trace::Segment>(drop_segment);
  for_each_of<trace::RawSegment>([&](auto place) {
    ask(model, {lane, trace::SegmentFromRaw{place, s0}});
    drop_segment(s0);
  });
  for_each_of<trace::List>([&](auto place) {
    ask(model, {lane, trace::ListCursorClose{place}});
    ask(model, {lane, trace::ListDrop{place}});
  });
  for_each_of<trace::Block>([&](auto place) { ask(model, {lane, trace::AllocGiveBlock{place}}); });
}

// Unmaps all that the machine's own tables map but in areas, and lets CPUs translate by the first.
void empty_tables(Model& model) {
  constexpr trace::Length kRest{trace::Length::kRest, 0, 0};
  constexpr trace::VirtPlace kZero{}, kLowEnd{9, 0, 0}, kKernel{10, 0, 0}, kLast{18, 0, 0};
  constexpr trace::VirtPlace kBeforeAreas{13, 127, 0}, kBehindAreas{22, 0, 0};
  const trace::Machine& machine = model.state().machine;
  auto empty = [&](trace::Table table, trace::VirtPlace begin, trace::VirtPlace end) {
    ask(model, {0, trace::CursorOpen{table, begin, end, {1}}});
    ask(model, {0, trace::CursorUnmap{kRest}});
    ask(model, {0, trace::CursorClose{}});
  };
  for (std::uint8_t i = 0; i < machine.tables.count; ++i) {
    const trace::Table table{static_cast<std::uint8_t>(trace::Table::kFirstShared + i)};
    if (i > 0) {
      empty(table, kZero, kLowEnd);
    } else {
      empty(table, kKernel, kBeforeAreas);
      empty(table, kBehindAreas, kLast);
    }
  }
  for (int twice = 0; twice < 2; ++twice) {
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) {
      ask(model, {lane, trace::Quiesce{}});
      if (machine.tables.count > 0) {
        ask(model, {lane, trace::TableActivate{{trace::Table::kFirstShared}}});
      }
    }
  }
}

void expect_nothing_but_tables(const Model& model, unsigned seed) {
  const reference::State& state = model.state();
  for (reference::Page page = 0; page < state.slots.size(); ++page) {
    if (state.nodes.contains(page) || state.slots[page].phantoms > 0) continue;
    ASSERT_EQ(state.slots[page].rc, reference::kUnused) << seed << ' ' << page;
  }
  ASSERT_EQ(state.trees.size(), state.machine.tables.count) << seed;
}

TEST(Laws, NothingIsLeftWhenEverythingIsDropped) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    const trace::Machine& machine = kMachines[seed % std::size(kMachines)];
    Anything anything(seed, machine);
    Model model(machine);
    for (int i = 0; i < 100; ++i) {
      const Asked next = anything(model, anything.lane());
      if (std::holds_alternative<trace::FrameCountPreload>(next.op)) continue;
      ask(model, next);
    }
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) {
      ask(model, {lane, trace::CursorClose{}});
      ask(model, {lane, trace::AllocFail{}});
    }
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) {
      for_each_of<trace::Area>([&](auto place) { ask(model, {lane, trace::AreaDrop{place}}); });
    }
    empty_tables(model);
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) drop_all(model, lane);
    ASSERT_EQ(first_broken(model.state()), nullptr) << seed;
    if (machine.tables.count > 0) {
      expect_nothing_but_tables(model, seed);
      continue;
    }
    bool is_any_active = false;  // That does not end.
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) {
      is_any_active |= model.root(lane) != nullptr;
    }
    if (is_any_active) continue;
    const Model fresh(machine);
    ASSERT_EQ(check::facts_of(model, machine), check::facts_of(fresh, machine)) << seed;
  }
}

}  // namespace
}  // namespace laws
