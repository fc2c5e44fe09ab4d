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
                                        {.pages = {6}, .loose = {5}, .cpus = {1}}};

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
      const trace::Answer answer = ask(model, next);
      const char* const broken = model.broken_law(was, next.lane, next.op, answer);
      ASSERT_EQ(broken, nullptr) << seed << ' ' << i << ' ' << text_of(next.op);
      const char* const of_state = first_broken(model.state());
      ASSERT_EQ(of_state, nullptr) << seed << ' ' << i << ' ' << text_of(next.op);
      if (answer.reply.status == Status::aborted) break;
      asked += answer.reply.status != Status::passed_over ? 1 : 0;
    }
  }
  EXPECT_GT(asked, 15'000u);
}

TEST(Laws, AreAskedOfEveryOperation) {
  std::set<std::string> asked;
  for (unsigned seed = 0; seed < 1'000; ++seed) {
    const trace::Machine& machine = kMachines[seed % std::size(kMachines)];
    Anything anything(seed, machine);
    Model model(machine);
    for (int i = 0; i < 100; ++i) {
      const Asked next = anything(model, anything.lane());
      if (ask(model, next).reply.status == Status::ok) asked.insert(trace::name_of(next.op));
    }
  }
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    // A machine boots in an order that chance seldom finds.
    const std::string_view name = trace::name_of(trace::blank_op(index));
    EXPECT_TRUE(name.starts_with("boot_") || asked.contains(std::string(name))) << name;
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
      ASSERT_EQ(first_broken(model.state()), nullptr) << seed << ' ' << i;
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
    for_each_kind(
        [&](trace::Kind kind) { ask(model, {lane, trace::SegmentTryFrom{segment, kind}}); });
    ask(model, {lane, trace::SegmentDrop{segment}});
  };
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
    for (std::uint8_t lane = 0; lane < machine.cpus.count; ++lane) drop_all(model, lane);
    const Model fresh(machine);
    ASSERT_EQ(check::facts_of(model, machine), check::facts_of(fresh, machine)) << seed;
    ASSERT_EQ(first_broken(model.state()), nullptr) << seed;
  }
}

}  // namespace
}  // namespace laws
