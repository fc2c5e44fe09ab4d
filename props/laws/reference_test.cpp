// SPDX-License-Identifier: MPL-2.0
// The reference alone: it says what the specification says, example by example, and it keeps every
// law, whatever is asked of it and in whatever order phases go.
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "props/laws/examples.h"
#include "trace/binary.h"
#include "trace/text.h"

namespace laws {
namespace {

using reference::Law;
using reference::Model;

static_assert(check::Judge<Model>);

std::string text_of(const trace::Op& op) {
  std::ostringstream out;
  trace::print(out, op);
  return out.str();
}

// The model before what an example asks.
Model before(const Example& example) {
  Model model(kFourPages);
  for (std::size_t i = 0; i < example.prologue.size(); ++i) {
    const Asked& asked = example.prologue[i];
    const bool stops = example.in_midst && i + 1 == example.prologue.size();
    const trace::Answer answer =
        stops ? model.step(asked.lane, asked.op, model.imagine(asked.lane, asked.op))
              : ask(model, asked);
    EXPECT_EQ(answer.reply.status, Status::ok) << example.says << ": " << text_of(asked.op);
  }
  return model;
}

const char* first_broken(const reference::State& state) {
  for (const Law& law : reference::laws()) {
    if (!reference::keeps(law, state)) return law.id;
  }
  return nullptr;
}

TEST(Reference, AnswersEachExampleAsTheSpecificationSays) {
  for (const Example& example : examples()) {
    Model model = before(example);
    const trace::Answer answer = ask(model, example.asked);
    EXPECT_TRUE(answer == example.answer)
        << example.says << ": " << text_of(example.asked.op) << " gave "
        << trace::kStatusNames[static_cast<std::size_t>(answer.reply.status)];
  }
}

TEST(Reference, LeavesEachExamplesPageAsTheSpecificationSays) {
  for (const Example& example : examples()) {
    Model model = before(example);
    ask(model, example.asked);
    if (example.leaves) {
      const auto page = std::visit([](const auto& fact) { return fact.page; }, *example.leaves);
      const check::Facts facts = check::facts_of(model, &page, &page + 1);
      ASSERT_EQ(facts.size(), 1u) << example.says;
      EXPECT_TRUE(facts[0] == *example.leaves) << example.says;
    }
    if (example.unused < kFourPages.pages.raw) {
      const std::uint64_t page = example.unused;
      EXPECT_TRUE(check::facts_of(model, &page, &page + 1).empty()) << example.says;
    }
  }
}

TEST(Reference, HasAnExampleForEveryOutcomeOfEveryOperation) {
  std::set<std::pair<std::size_t, Status>> shown;
  for (const Example& example : examples()) {
    shown.insert({example.asked.op.index(), example.answer.reply.status});
  }
  trace::for_each_op([&]<class One>(std::type_identity<One>, std::size_t index) {
    for (const Status outcome : One::kOutcomes) {
      EXPECT_TRUE(shown.contains({index, outcome}))
          << One::kName << ' ' << trace::kStatusNames[static_cast<std::size_t>(outcome)];
    }
    if constexpr (requires { One::kOutcomesAtOnce; }) {
      for (const Status outcome : One::kOutcomesAtOnce) {
        EXPECT_TRUE(shown.contains({index, outcome})) << One::kName;
      }
    }
  });
}

TEST(Reference, AnswersOnlyWithDeclaredOutcomes) {
  for (const Example& example : examples()) {
    std::visit(
        [&]<class One>(const One&) {
          bool is_declared = std::ranges::count(One::kOutcomes, example.answer.reply.status) > 0;
          if constexpr (requires { One::kOutcomesAtOnce; }) {
            is_declared |=
                std::ranges::count(One::kOutcomesAtOnce, example.answer.reply.status) > 0;
          }
          EXPECT_TRUE(is_declared) << example.says;
        },
        example.asked.op);
  }
}

// Operands called `to` must be empty registers, and all others occupied.
template <class One>
constexpr bool kWantsOccupied = requires(One op) { op.from; } || requires(One op) { op.left; };
template <class One>
constexpr bool kWantsEmpty = requires(One op) { op.to; };

TEST(Reference, PassesOverWhatNeedsAnOccupiedRegister) {
  trace::for_each_op([&]<class One>(std::type_identity<One>, std::size_t index) {
    const trace::Op op = trace::blank_op(index);
    EXPECT_EQ(Model(kFourPages).allows(0, op), !kWantsOccupied<One>) << One::kName;
  });
}

TEST(Reference, PassesOverWhatNeedsAnEmptyRegister) {
  const Model full = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {}, {}, f0}},
                                        {0, trace::UniqueFromUnused{at(1), {}, {}, u0}},
                                        {0, trace::FrameClone{f0, f1}},
                                        {0, trace::FrameIntoRaw{f1, r0}}});
  ASSERT_TRUE(full.held(0, f0) && full.held(0, u0) && full.held(0, r0));
  trace::for_each_op([&]<class One>(std::type_identity<One>, std::size_t index) {
    if (!kWantsEmpty<One>) return;
    EXPECT_FALSE(full.allows(0, trace::blank_op(index))) << One::kName;
  });
}

TEST(Reference, PassesOverWhatTheHandleDoesNotPermit) {
  const std::vector<Asked> make_all = {{0, trace::FrameFromUnused{at(0), {}, {}, f0}},
                                       {0, trace::UniqueFromUnused{at(1), {}, {}, u0}},
                                       {0, trace::AllocFrame{{KindName::value8}, {}, f1}},
                                       {0, trace::AllocFrame{{KindName::value8}, {}, f2}},
                                       {0, trace::UniqueTryFromFrame{f2, u1}}};
  Model model = after(kFourPages, make_all);
  EXPECT_FALSE(model.allows(0, trace::FrameTryFrom{f0, {}})) << "A typed handle is typed already.";
  EXPECT_FALSE(model.allows(0, trace::FrameToUntyped{f1})) << "Its kind is not untyped.";
  EXPECT_FALSE(model.allows(0, trace::UniqueReset{u1})) << "The allocator would lose the page.";
  EXPECT_FALSE(model.allows(0, trace::FrameCountPreload{f0, kBeyondTop}));
  EXPECT_FALSE(model.allows(0, trace::FrameFromUnused{at(2), {}, {}, f3})) << "Not a loose page.";
  EXPECT_FALSE(model.allows(1, trace::FrameDrop{f0})) << "Another lane holds it.";

  ask(model, {0, trace::FrameToUntyped{f0}});
  EXPECT_FALSE(model.allows(0, trace::FrameToUntyped{f0})) << "It is so already.";
  EXPECT_FALSE(model.allows(0, trace::UniqueTryFromFrame{f0, trace::Unique{2}}));
  ask(model, {0, trace::FrameToDyn{f0}});
  EXPECT_FALSE(model.allows(0, trace::FrameToDyn{f0}));
  ask(model, {0, trace::UniqueToDyn{u0}});
  EXPECT_FALSE(model.allows(0, trace::UniqueToDyn{u0}));
  EXPECT_FALSE(model.allows(0, trace::UniqueWriteMeta{u0, {}}));
}

TEST(Reference, KeepsWhatAHandleKnowsInEveryCopy) {
  using reference::Knows;
  Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {}, {}, f0}},
                                   {0, trace::FrameToUntyped{f0}},
                                   {0, trace::FrameClone{f0, f1}},
                                   {0, trace::FrameBorrowClone{f1, f2}},
                                   {0, trace::FrameIntoRaw{f2, r0}},
                                   {0, trace::FrameIncRaw{r0, r1}},
                                   {0, trace::FrameFromRaw{r1, f3}}});
  ASSERT_NE(model.held(0, f3), nullptr);
  EXPECT_EQ(model.held(0, f3)->knows, Knows::untyped);
  EXPECT_EQ(model.held(0, f1)->knows, Knows::untyped);

  ask(model, {0, trace::UniqueFromUnused{at(1), {KindName::meta}, {}, u0}});
  ask(model, {0, trace::UniqueToDyn{u0}});
  ask(model, {0, trace::UniqueIntoShared{u0, trace::Frame{7}}});
  EXPECT_EQ(model.held(0, trace::Frame{7})->knows, Knows::nothing);
  ask(model, {0, trace::FrameTryFrom{trace::Frame{7}, {KindName::meta}}});
  ask(model, {0, trace::UniqueTryFromFrame{trace::Frame{7}, u0}});
  EXPECT_EQ(model.held(0, u0)->kind.name, KindName::meta);
}

TEST(Reference, GivesEveryKindTheUsageItDeclares) {
  using trace::Usage;
  const std::pair<KindName, Usage> declared[] = {
      {KindName::empty, Usage::frame},       {KindName::value8, Usage::frame},
      {KindName::value24, Usage::frame},     {KindName::full40, Usage::frame},
      {KindName::reentrant, Usage::frame},   {KindName::reader, Usage::frame},
      {KindName::kernel, Usage::kernel},     {KindName::reserved, Usage::reserved},
      {KindName::unusable, Usage::reserved}, {KindName::meta, Usage::meta},
      {KindName::early, Usage::frame},       {KindName::kernel_stack, Usage::kernel_stack}};
  EXPECT_EQ(std::size(declared), trace::kKindNames.size());
  for (const auto& [name, usage] : declared) {
    Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {name}, {}, f0}}});
    EXPECT_EQ(ask(model, {0, trace::FrameUsage{f0}}).reply.results[0], number(usage));
  }
}

TEST(Reference, AdoptsAPageTheAllocatorMayTakeAndNoOther) {
  trace::Answer seen;
  seen.choices.taken.push(3);
  Model model(kFourPages);
  const trace::AllocFrame alloc{{KindName::value8}, {1}, f0};
  trace::Answer answer = model.step(0, alloc, seen);
  EXPECT_EQ(answer.reply.status, Status::ok);
  EXPECT_EQ(answer.reply.results[0], 3 * 4096u);
  EXPECT_TRUE(answer.choices == seen.choices);
  model.finish(0);
  EXPECT_EQ(model.state().slots[3].rc, 1u);

  const trace::AllocFrame again{{KindName::value8}, {1}, f1};
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible) << "It is in use.";
  seen.choices.taken.page[0] = 1;
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible) << "It is loose.";
  seen.choices.taken.page[0] = 640;
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible)
      << "There is none such.";
  EXPECT_EQ(model.step(0, again, {}).reply.status, Status::impermissible) << "It had page 2.";
}

TEST(Reference, LeavesItToTheAllocatorWhatItsOwnPagesLookLike) {
  Model model = after(kFourPages,
                      {{0, trace::AllocFrame{{}, {}, f0}}, {0, trace::UniqueTryFromFrame{f0, u0}}});
  for (const Status status : {Status::unused, Status::busy, Status::unique}) {
    const trace::Answer seen = refuses(status);
    EXPECT_TRUE(model.step(0, trace::FrameFromInUse{at(3), f1}, seen) == seen);
    EXPECT_TRUE(model.step(0, trace::FrameFromInUse{at(1), f1}, seen) == refuses(Status::unused))
        << "A loose page is none of the allocator's.";
    EXPECT_TRUE(model.step(0, trace::FrameFromInUse{at(2), f1}, seen) == refuses(Status::unique))
        << "A lane holds it.";
  }
  EXPECT_TRUE(model.step(0, trace::FrameFromInUse{at(3), f1}, refuses(Status::in_use)) ==
              refuses(Status::unused));
}

TEST(Reference, GoesThroughThePhasesOfALife) {
  Model model(kFourPages);
  auto rc = [&] { return model.state().slots[2].rc; };
  const trace::Op alloc = trace::AllocFrame{{KindName::value8}, {1}, f0};
  model.step(0, alloc, model.imagine(0, alloc));
  EXPECT_TRUE(model.touched().contains(2));
  EXPECT_EQ(rc(), 0u);
  EXPECT_FALSE(model.state().slots[2].parked);
  EXPECT_EQ(model.held(0, f0), nullptr) << "There is no handle before it is published.";
  EXPECT_TRUE(model.unfinished(0));
  model.finish(0);
  EXPECT_TRUE(model.touched().contains(2));
  EXPECT_EQ(rc(), 1u);
  EXPECT_TRUE(model.state().slots[2].parked);
  EXPECT_FALSE(model.unfinished(0));

  model.step(0, trace::FrameDrop{f0}, {});
  EXPECT_EQ(rc(), 0u);
  EXPECT_TRUE(model.state().slots[2].storage.has_value()) << "It is being ended.";
  model.finish(0);
  EXPECT_TRUE(model.touched().contains(2));
  EXPECT_EQ(rc(), reference::kUnused);
  EXPECT_FALSE(model.state().free.contains(2)) << "It is not given back yet.";
  EXPECT_TRUE(model.unfinished(0));
  model.finish(0);
  EXPECT_TRUE(model.touched().contains(2));
  EXPECT_TRUE(model.state().free.contains(2));
  EXPECT_FALSE(model.unfinished(0));
}

TEST(Reference, IsTouchedWhereItChanges) {
  for (const Example& example : examples()) {
    Model model = before(example);
    model.touched();
    const Model was = model;
    ask(model, example.asked);
    const auto touched = model.touched();
    for (std::uint64_t page = 0; page < kFourPages.pages.raw; ++page) {
      const bool changed =
          check::facts_of(was, &page, &page + 1) != check::facts_of(model, &page, &page + 1);
      EXPECT_TRUE(!changed || touched.contains(page)) << example.says;
    }
    EXPECT_TRUE(model.touched().empty());
  }
}

// Random operations, mostly ones that can be asked.
class Anything {
 public:
  explicit Anything(unsigned seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

  Asked operator()(const Model& model, std::uint8_t lane) {
    for (int tries = 0; tries < 64; ++tries) {
      trace::Record record{};
      for (std::uint8_t& byte : record) byte = static_cast<std::uint8_t>(random_());
      trace::Op op = trace::decode_call(record).op;
      std::visit(
          [&]<class One>(One& one) {
            if constexpr (requires { one.more; }) one.more = few_[below(8)];
            if constexpr (requires { one.at; }) {
              if (below(16) > 0) one.at = at(static_cast<std::uint16_t>(below(4)));
            }
          },
          op);
      if (model.allows(lane, op)) return {lane, op};
    }
    return {lane, trace::FrameCount{}};
  }

 private:
  static constexpr trace::Count few_[8] = {{0}, {1}, {0}, {0}, {1}, kTo52, kToTop, {2}};
  std::mt19937 random_;
};

TEST(Laws, HoldOverRandomTracesAskedOneByOne) {
  std::size_t asked = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Anything anything(seed);
    Model model(kFourPages);
    for (int i = 0; i < 200; ++i) {
      const Asked next = anything(model, static_cast<std::uint8_t>(anything.below(2)));
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
  EXPECT_GT(asked, 40'000u);
}

TEST(Laws, HoldBetweenThePhasesOfLanesAtOnce) {
  std::size_t midst = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    Anything anything(seed);
    Model model(kFourPages);
    for (int i = 0; i < 200; ++i) {
      const auto lane = static_cast<std::uint8_t>(anything.below(2));
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
  EXPECT_GT(midst, 1'000u);
}

// Gives up whatever a lane holds. A handle that may not go as a dynamic one learns its kind first.
void drop_all(Model& model, std::uint8_t lane) {
  for (std::uint8_t i = 0; i < trace::Unique::kCount; ++i) {
    ask(model, {lane, trace::UniqueDrop{{i}}});
  }
  for (std::uint8_t turn = 0; turn < 2; ++turn) {
    for (std::uint8_t i = 0; i < trace::Frame::kCount; ++i) {
      for (std::uint8_t k = 0; k < trace::Kind::kCount; ++k) {
        ask(model, {lane, trace::FrameTryFrom{{i}, {static_cast<KindName>(k)}}});
      }
      ask(model, {lane, trace::FrameDrop{{i}}});
    }
    for (std::uint8_t i = 0; i < trace::Raw::kCount; ++i) {
      ask(model, {lane, trace::FrameFromRaw{{i}, {i}}});
    }
  }
}

TEST(Laws, NothingIsLeftWhenEverythingIsDropped) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    Anything anything(seed);
    Model model(kFourPages);
    for (int i = 0; i < 100; ++i) {
      const Asked next = anything(model, static_cast<std::uint8_t>(anything.below(2)));
      if (std::holds_alternative<trace::FrameCountPreload>(next.op)) continue;
      ask(model, next);
    }
    drop_all(model, 0);
    drop_all(model, 1);
    const Model fresh(kFourPages);
    ASSERT_EQ(check::facts_of(model, kFourPages), check::facts_of(fresh, kFourPages)) << seed;
    ASSERT_EQ(first_broken(model.state()), nullptr) << seed;
  }
}

}  // namespace
}  // namespace laws
