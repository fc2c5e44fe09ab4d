// SPDX-License-Identifier: MPL-2.0
// The reference alone: it says what the specification says, example by example.
#include <gtest/gtest.h>
#include <set>

#include "check/tally.h"
#include "props/laws/examples.h"
#include "trace/binary.h"
#include "trace/text.h"

namespace laws {
namespace {

using reference::Model;

static_assert(check::Judge<Model>);

std::string text_of(const trace::Op& op) {
  std::ostringstream out;
  trace::print(out, op);
  return out.str();
}

// The model before what an example asks.
Model before(const Example& example) {
  Model model(example.machine);
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

TEST(Reference, AnswersEachExampleAsTheSpecificationSays) {
  for (const Example& example : examples()) {
    Model model = before(example);
    const trace::Answer answer = ask(model, example.asked, example.answer);
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
      const auto page = std::visit(
          []<class One>(const One& fact) -> std::uint64_t {
            if constexpr (requires { fact.page; }) return fact.page;
            return 0;
          },
          *example.leaves);
      const check::Facts facts = check::facts_of(model, &page, &page + 1);
      ASSERT_EQ(facts.size(), 1u) << example.says;
      EXPECT_TRUE(facts[0] == *example.leaves) << example.says;
    }
    if (example.unused < example.machine.pages.raw) {
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
  for (const auto& [op, outcome] : check::missing_outcomes({}, true)) {
    EXPECT_TRUE(shown.contains({op, outcome}))
        << trace::name_of(trace::blank_op(op)) << ' '
        << trace::kStatusNames[static_cast<std::size_t>(outcome)];
  }
}

TEST(Reference, AnswersOnlyWithDeclaredOutcomes) {
  const std::vector<check::Outcome> declared = check::missing_outcomes({}, true);
  for (const Example& example : examples()) {
    const check::Outcome seen{example.asked.op.index(), example.answer.reply.status};
    EXPECT_EQ(std::ranges::count(declared, seen), 1) << example.says;
  }
}

// Registers called `to` must be empty, and all others occupied; lists are always there. And what
// depends on more than registers: cursors, what has booted, the number of pages, what tables there
// are, and what CPUs translate by.
struct Wants {
  bool is_empty = false, is_occupied = false, otherwise = false;
};
Wants wants(const trace::Op& op) {
  return std::visit(
      []<class One>(const One&) {
        const std::string_view name = One::kName;
        Wants wants{.otherwise = name.starts_with("boot_") || name.starts_with("list_") ||
                                 name.starts_with("cursor_") || name.starts_with("table_") ||
                                 name.starts_with("tlb_") || name.starts_with("area_") ||
                                 name.starts_with("user_") || name.starts_with("space_") ||
                                 std::is_same_v<One, trace::CpuTouch> ||
                                 std::is_same_v<One, trace::AllocBlock>};
        One::fields([&]<class Field>(const char* field, Field One::*) {
          if constexpr (requires { Field::kLetter; } && !std::is_same_v<Field, trace::List>) {
            (std::string_view(field) == "to" ? wants.is_empty : wants.is_occupied) = true;
          }
        });
        return wants;
      },
      op);
}

TEST(Reference, PassesOverWhatNeedsAnOccupiedRegister) {
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    const trace::Op op = trace::blank_op(index);
    const auto [is_empty, is_occupied, otherwise] = wants(op);
    if (is_occupied || !otherwise) {
      EXPECT_EQ(Model(kFourPages).allows(0, op), !is_occupied) << trace::name_of(op);
    }
  }
}

TEST(Reference, PassesOverWhatNeedsAnEmptyRegister) {
  const Model full = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {}, {}, f0}},
                                        {0, trace::UniqueFromUnused{at(1), {}, {}, u0}},
                                        {0, trace::FrameClone{f0, f1}},
                                        {0, trace::FrameIntoRaw{f1, r0}},
                                        {0, trace::AllocSegment{{1}, {}, {}, s0, {}}},
                                        {0, trace::SegmentClone{s0, s1}},
                                        {0, trace::SegmentIntoRaw{s1, w0}},
                                        {0, trace::AllocBlock{{1}, {}, trace::Block{0}}},
                                        {0, trace::ListCursorFront{l0}}});
  ASSERT_TRUE(full.held(0, f0) && full.held(0, u0) && full.held(0, r0) && full.held(0, s0) &&
              full.held(0, w0) && full.held(0, trace::Block{0}));
  for (std::size_t index = 0; index < trace::kOpCount; ++index) {
    const trace::Op op = trace::blank_op(index);
    if (wants(op).is_empty) EXPECT_FALSE(full.allows(0, op)) << trace::name_of(op);
  }
}

TEST(Reference, PassesOverWhatACursorDoesNotPermit) {
  const Model closed(kFourPages);
  const Model open = after(kFourPages, {{0, trace::ListCursorFront{l0}}});
  for (const trace::Op& op :
       {trace::Op(trace::ListMoveNext{l0}), trace::Op(trace::ListMovePrev{l0}),
        trace::Op(trace::ListCurrent{l0}), trace::Op(trace::ListCursorClose{l0}),
        trace::Op(trace::ListWriteCurrent{l0, {}}), trace::Op(trace::ListTakeCurrent{l0, u0})}) {
    EXPECT_FALSE(closed.allows(0, op)) << text_of(op);
    EXPECT_TRUE(open.allows(0, op)) << text_of(op);
    EXPECT_FALSE(open.allows(1, op)) << text_of(op);
  }
  for (const trace::Op& op :
       {trace::Op(trace::ListSize{l0}), trace::Op(trace::ListDrop{l0}),
        trace::Op(trace::ListContains{l0, {}}), trace::Op(trace::ListCursorAt{l0, {}}),
        trace::Op(trace::ListCursorFront{l0}), trace::Op(trace::ListCursorBack{l0}),
        trace::Op(trace::ListPopFront{l0, u0}), trace::Op(trace::ListPopBack{l0, u0})}) {
    EXPECT_TRUE(closed.allows(0, op)) << text_of(op);
    EXPECT_FALSE(open.allows(0, op)) << text_of(op);
  }
}

TEST(Reference, LeavesNoAreaToAnotherCursor) {
  auto open = [](trace::VirtPlace begin, trace::VirtPlace end, std::uint8_t may_change) {
    return trace::CursorOpen{kKernel, begin, end, {may_change}};
  };
  const trace::VirtPlace last = virt(kAreasEndPlace, 0xff);
  const trace::VirtPlace areas_end = virt(kAreasEndPlace);
  const Model model = after(kAreas, {{1, trace::TableCopy{kKernel, t0}}});
  EXPECT_FALSE(model.allows(0, open(last, areas_end, 1)));
  EXPECT_TRUE(model.allows(0, open(last, areas_end, 0)));
  EXPECT_FALSE(model.allows(0, open(kHigh, virt(18), 1))) << "They lie in between.";
  EXPECT_FALSE(model.allows(0, open(last, virt(kAreasEndPlace, 0xfe), 1))) << "Valid or not.";
  EXPECT_TRUE(model.allows(0, open(areas_end, virt(18), 1)));
  EXPECT_TRUE(model.allows(0, open(kHigh, virt(13), 1)));
  EXPECT_TRUE(model.allows(0, open(last, kZero, 1))) << "Its end is 0.";
  EXPECT_FALSE(model.allows(1, trace::CursorOpen{{0}, last, areas_end, {1}})) << "A copy of it.";
}

TEST(Reference, AsksOfAreasWhileNoCursorIsOpen) {
  const trace::AreaMapRange make{{3}, {}, {}, {1}, kReadWrite, a1};
  Model model = after(kAreas, {{0, trace::AreaMapRange{{3}, {}, {}, {1}, kReadWrite, a0}}});
  auto all_allowed = [&](bool wanted) {
    EXPECT_EQ(model.allows(0, make), wanted);
    EXPECT_EQ(model.allows(0, trace::AreaQuery{a0, {}}), wanted);
    EXPECT_EQ(model.allows(0, trace::AreaSplit{a0, {1}, a1}), wanted);
    EXPECT_EQ(model.allows(0, trace::AreaDrop{a0}), wanted);
  };
  all_allowed(true);
  EXPECT_FALSE(model.allows(0, trace::AreaDrop{a1}));
  EXPECT_FALSE(model.allows(0, trace::AreaSplit{a0, {1}, a0}));
  EXPECT_FALSE(model.allows(1, trace::AreaDrop{a0})) << "Another lane has it.";
  ask(model, {1, trace::CursorOpen{kUser, kZero, virt(0, 2), {}}});
  all_allowed(false);
  ask(model, {1, trace::CursorClose{}});
  all_allowed(true);
  model.go_at_once();
  all_allowed(false);
}

TEST(Reference, MapsInAreasWhatTheKernelsTableTakes) {
  auto allows = [](trace::Op knows_more) {
    const Model model =
        after(kAreas, {{0, trace::SegmentFromUnused{at(1), at(3), {}, {}, s0}}, {0, knows_more}});
    return model.allows(0, trace::AreaMapFrames{{3}, {}, s0, kReadWrite, a0});
  };
  EXPECT_TRUE(allows(trace::FrameCount{}));
  EXPECT_FALSE(allows(trace::SegmentToUntyped{s0}));
  EXPECT_FALSE(allows(trace::SegmentToDyn{s0}));
  EXPECT_FALSE(allows(trace::SegmentDrop{s0}));
}

TEST(Reference, PutsIntoAListWhatItsTypeSays) {
  Model model = after(kFourPages, {{0, trace::UniqueFromUnused{at(0), {KindName::link}, {}, u0}}});
  EXPECT_TRUE(model.allows(0, trace::ListPushBack{l0, u0}));
  EXPECT_FALSE(model.allows(0, trace::ListPushBack{l1, u0})) << "It is of another kind.";
  ask(model, {0, trace::UniqueToDyn{u0}});
  EXPECT_FALSE(model.allows(0, trace::ListPushBack{l0, u0})) << "It may be of any kind.";
}

TEST(Reference, NamesNoPageOfTheAllocatorInASegment) {
  const Model model(kFourPages);
  auto allows = [&](trace::PhysPlace from, trace::PhysPlace until) {
    return model.allows(0, trace::SegmentFromUnused{from, until, {}, {}, s0});
  };
  EXPECT_TRUE(allows(at(0), at(2)));
  EXPECT_FALSE(allows(at(0), at(3)));
  EXPECT_FALSE(allows(at(2), kBeyondEnd)) << "The end of memory is a page's end.";
  EXPECT_TRUE(allows(at(2), {trace::PhysPlace::kFirstOutside + 1, 0})) << "It is out of bound.";
  EXPECT_TRUE(allows(at(0), one_byte_into(3))) << "It is not aligned.";
  EXPECT_TRUE(allows(at(3), at(2))) << "It panics.";
}

TEST(Reference, ReadsAndWritesUntypedPagesOnly) {
  Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {}, {}, f0}}});
  const trace::Op read = trace::BytesRead{f0, extent(0), extent(2)};
  EXPECT_FALSE(model.allows(0, read)) << "It knows its kind, and is not untyped yet.";
  ask(model, {0, trace::FrameToUntyped{f0}});
  EXPECT_TRUE(model.allows(0, read));
  EXPECT_FALSE(model.allows(0, trace::BytesRead{f0, extent(0), extent(2, 1)})) << "Too long.";
  EXPECT_TRUE(model.allows(0, trace::BytesFillZeros{f0, extent(0), extent(0), extent(9)}));
}

TEST(Reference, ShowsAListsOrderByItsNeighbours) {
  using trace::PageLinked;
  Model model(kFourPages);
  for (const std::uint16_t page : {std::uint16_t{1}, std::uint16_t{0}}) {
    ask(model, {1, trace::UniqueFromUnused{at(page), {KindName::link_empty}, {}, u0}});
    ask(model, {1, trace::ListPushBack{l2, u0}});
  }
  const std::uint64_t list = trace::in_list_of(1, l2);
  auto listed = [&](std::uint64_t page) {
    return trace::Fact(trace::PageInUse{
        page, trace::Use::unique, 0, list, {KindName::link_empty}, trace::Usage::frame, {}});
  };
  check::Facts wanted = {listed(0), listed(1), PageLinked{0, PageLinked::kNone, 1},
                         PageLinked{1, 0, PageLinked::kNone}};
  const std::uint64_t pages[] = {0, 1};
  std::ranges::sort(wanted);
  EXPECT_EQ(check::facts_of(model, std::begin(pages), std::end(pages)), wanted);
  model.touched();
  ask(model, {1, trace::ListPopFront{l2, u0}});
  EXPECT_TRUE(model.touched().contains(0)) << "It has no neighbour any more.";
}

TEST(Reference, PassesOverWhatTheHandleDoesNotPermit) {
  const std::vector<Asked> make_all = {{0, trace::FrameFromUnused{at(0), {}, {}, f0}},
                                       {0, trace::UniqueFromUnused{at(1), {}, {}, u0}},
                                       {0, trace::AllocFrame{{KindName::value8}, {}, f1, {}}},
                                       {0, trace::AllocFrame{{KindName::value8}, {}, f2, {}}},
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
      {KindName::early, Usage::frame},       {KindName::kernel_stack, Usage::kernel_stack},
      {KindName::link, Usage::frame},        {KindName::link_reader, Usage::frame},
      {KindName::link_empty, Usage::frame}};
  EXPECT_EQ(std::size(declared), trace::Kind::kCount);
  for (const auto& [name, usage] : declared) {
    Model model = after(kFourPages, {{0, trace::FrameFromUnused{at(0), {name}, {}, f0}}});
    EXPECT_EQ(ask(model, {0, trace::FrameUsage{f0}}).reply.results[0], number(usage));
  }
}

TEST(Reference, AdoptsAPageTheAllocatorMayTakeAndNoOther) {
  trace::Answer seen;
  seen.choices.taken.push(3);
  Model model(kFourPages);
  const trace::AllocFrame alloc{{KindName::value8}, {1}, f0, {}};
  trace::Answer answer = model.step(0, alloc, seen);
  EXPECT_EQ(answer.reply.status, Status::ok);
  EXPECT_EQ(answer.reply.results[0], 3 * 4096u);
  EXPECT_TRUE(answer.choices == seen.choices);
  model.finish(0);
  EXPECT_EQ(model.state().slots[3].rc, 1u);

  const trace::AllocFrame again{{KindName::value8}, {1}, f1, {}};
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible) << "It is in use.";
  seen.choices.taken.page[0] = 1;
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible) << "It is loose.";
  seen.choices.taken.page[0] = 640;
  EXPECT_EQ(model.step(0, again, seen).reply.status, Status::impermissible)
      << "There is none such.";
  EXPECT_EQ(model.step(0, again, {}).reply.status, Status::impermissible) << "It had page 2.";
}

TEST(Reference, LeavesItToTheAllocatorWhatItsOwnPagesLookLike) {
  Model model = after(
      kFourPages, {{0, trace::AllocFrame{{}, {}, f0, {}}}, {0, trace::UniqueTryFromFrame{f0, u0}}});
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
  const trace::Op alloc = trace::AllocFrame{{KindName::value8}, {1}, f0, {}};
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
    for (std::uint64_t page = 0; page < example.machine.pages.raw; ++page) {
      const bool changed =
          check::facts_of(was, &page, &page + 1) != check::facts_of(model, &page, &page + 1);
      EXPECT_TRUE(!changed || touched.contains(page)) << example.says;
    }
    EXPECT_TRUE(model.touched().empty());
  }
}

}  // namespace
}  // namespace laws
