// SPDX-License-Identifier: MPL-2.0
// The binding shows what is there, whatever mm did: else a divergence could be its own fault, or
// stay unseen.
#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include "check/bind/recorded.h"
#include "check/systems/lone.h"
#include "check/systems/mm.h"
#include "impl/frame/meta_slot.h"
#include "impl/hosted/platform.h"

namespace {

using trace::Code, trace::KindName, trace::Machine, trace::Status, trace::Use;
using System = check::MmAlone;
using Slot = mm::MetaSlot<check::Recorded<mm::Hosted>>;

constexpr std::uint64_t kPage = 2;
constexpr std::size_t kCount = 5, kVTable = 6, kInList = 7;

constexpr trace::PhysPlace place(std::uint64_t page) {
  return {.page = static_cast<std::uint16_t>(page), .offset = 0};
}

class Binding : public testing::Test {
 protected:
  void SetUp() override { system().rebuild({}); }

  static System& system() {
    static System the_system;
    return the_system;
  }

  static trace::Answer ask(const auto& op, std::uint8_t lane = 0) {
    return system().apply(lane, op);
  }
  static trace::Status make(KindName kind, std::uint16_t value = 7) {
    return ask(trace::FrameFromUnused{place(kPage), {kind}, {value}, {0}}).reply.status;
  }

  // As somebody would who writes where he should not.
  static std::uint64_t& word(std::size_t which, std::uint64_t page = kPage) {
    return reinterpret_cast<std::uint64_t*>(Slot::of({page * mm::kPageSize}))[which];
  }

  static std::vector<trace::Fact> facts(std::uint64_t page = kPage) {
    std::vector<trace::Fact> all;
    system().observe(page, [&](const trace::Fact& fact) { all.push_back(fact); });
    return all;
  }
};

TEST_F(Binding, AnUnusedPageIsNotMentioned) { EXPECT_TRUE(facts().empty()); }

TEST_F(Binding, APageOfTheAllocatorIsFree) {
  const Machine machine;
  for (std::uint64_t page = 0; page < machine.pages.raw; ++page) {
    const std::vector<trace::Fact> wanted = page < machine.loose.raw
                                                ? std::vector<trace::Fact>{}
                                                : std::vector<trace::Fact>{trace::PageFree{page}};
    EXPECT_EQ(facts(page), wanted) << page;
  }
}

TEST_F(Binding, ASharedPageIsShownWithItsMetadata) {
  ASSERT_EQ(make(KindName::value24), Status::ok);
  ASSERT_EQ(ask(trace::FrameClone{{0}, {1}}).reply.status, Status::ok);
  const trace::PageInUse wanted{.page = kPage,
                                .use = Use::shared,
                                .count = 2,
                                .in_list = 0,
                                .kind = {KindName::value24},
                                .usage = trace::Usage::frame,
                                .words = {7, 8, 9, 0, 0}};
  EXPECT_EQ(facts(), std::vector<trace::Fact>{wanted});
}

TEST_F(Binding, AnUnusedPageInAListIsShown) {
  word(kInList) = 9;
  const trace::PageInUse wanted{.page = kPage, .use = Use::unused, .in_list = trace::kUnknownList};
  EXPECT_EQ(facts(), std::vector<trace::Fact>{wanted});
}

TEST_F(Binding, ABusyPageIsShownWithoutMetadata) {
  ASSERT_EQ(make(KindName::value8), Status::ok);
  word(kCount) = Slot::kBusy;
  const trace::PageInUse wanted{.page = kPage, .use = Use::busy};
  EXPECT_EQ(facts(), std::vector<trace::Fact>{wanted});
}

TEST_F(Binding, ATypeThatNoKindHasIsShownAndNotFollowed) {
  ASSERT_EQ(make(KindName::value8), Status::ok);
  word(kVTable) = 8;
  const trace::PageInUse wanted{.page = kPage, .use = Use::shared, .count = 1};
  EXPECT_EQ(facts(), std::vector<trace::Fact>{wanted});
  EXPECT_EQ(ask(trace::FrameToDyn{{0}}).reply.status, Status::ok);
  EXPECT_EQ(ask(trace::FrameReadMeta{{0}}).reply.results[0], trace::kKindNames.size());
}

TEST_F(Binding, EveryWordOfAUsedSlotIsInItsDigest) {
  ASSERT_EQ(make(KindName::full40), Status::ok);
  std::set<std::uint64_t> seen = {system().digest(kPage)};
  for (std::size_t which = 0; which < 8; ++which) {
    for (const std::uint64_t change :
         {std::uint64_t{1}, std::uint64_t{1} << 63, std::uint64_t{6}}) {
      word(which) ^= change;
      EXPECT_TRUE(seen.insert(system().digest(kPage)).second) << "word " << which;
      word(which) ^= change;
    }
  }
  EXPECT_FALSE(seen.insert(system().digest(kPage)).second);
}

TEST_F(Binding, ListAndFreedomOfAnUnusedPageAreInItsDigest) {
  std::set<std::uint64_t> seen = {system().digest(kPage)};
  word(kInList) = 3;
  EXPECT_TRUE(seen.insert(system().digest(kPage)).second);

  const std::uint64_t first = Machine{}.loose.raw;
  const std::uint64_t free = system().digest(first);
  ASSERT_EQ(ask(trace::AllocBlock{{8}, {3}, {0}}).reply.results[0], first * mm::kPageSize);
  EXPECT_NE(system().digest(first), free);
}

// It must not matter which pages the allocator has made the heads of its blocks.
TEST_F(Binding, HowFreePagesAreKeptIsNotInTheirDigest) {
  std::vector<std::uint64_t> digests;
  for (std::uint64_t page = 8; page < 16; ++page) digests.push_back(system().digest(page));
  ASSERT_EQ(ask(trace::AllocBlock{{8}, {0}, {0}}).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::AllocSplitBlock{{0}, {3}, {1}}).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::AllocGiveBlock{{1}}, 0).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::AllocGiveBlock{{0}}, 0).reply.status, Status::ok);
  for (std::uint64_t page = 8; page < 16; ++page) {
    EXPECT_EQ(system().digest(page), digests[page - 8]) << page;
  }
}

TEST_F(Binding, ResetIsAsGoodAsRebuild) {
  std::vector<std::uint64_t> digests;
  for (std::uint64_t page = 0; page < 16; ++page) digests.push_back(system().digest(page));
  ASSERT_EQ(make(KindName::full40), Status::ok);
  ASSERT_EQ(ask(trace::AllocFrame{{KindName::value8}, {1}, {1}, {}}, 1).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::UniqueFromUnused{place(5), {KindName::empty}, {1}, {3}}, 1).reply.status,
            Status::ok);
  system().reset({});
  for (std::uint64_t page = 0; page < 16; ++page) {
    EXPECT_EQ(system().digest(page), digests[page]) << page;
  }
  // And nobody holds anything.
  for (std::uint8_t lane = 0; lane < 2; ++lane) {
    for (std::uint8_t i = 0; i < trace::Frame::kCount; ++i) {
      EXPECT_EQ(ask(trace::FrameCount{{i}}, lane).reply.status, Status::passed_over);
    }
    EXPECT_EQ(ask(trace::UniqueReadMeta{{3}}, lane).reply.status, Status::passed_over);
  }
}

TEST_F(Binding, EveryByteOfAPageIsItsNumber) {
  for (std::uint64_t page = 0; page < 8; ++page) {
    ASSERT_EQ(ask(trace::FrameFromUnused{place(page), {KindName::reader}, {0}, {0}}).reply.status,
              Status::ok);
    const trace::Answer answer = ask(trace::FrameDrop{{0}});
    EXPECT_EQ(answer.reply.results[0], 1u);
    EXPECT_EQ(answer.reply.results[5], page * mm::kPageSize);
  }
}

TEST_F(Binding, APanicLeavesTheHandleInItsRegister) {
  ASSERT_EQ(make(KindName::kernel), Status::ok);
  ASSERT_EQ(ask(trace::FrameToDyn{{0}}).reply.status, Status::ok);
  const trace::Answer wanted{.reply = {Status::panicked, Code::last_handle}, .choices = {}};
  EXPECT_EQ(ask(trace::FrameDrop{{0}}), wanted);
  EXPECT_EQ(ask(trace::FrameDrop{{0}}), wanted);
  EXPECT_EQ(ask(trace::FrameTryFrom{{0}, {KindName::kernel}}).reply.status, Status::ok);
  EXPECT_EQ(ask(trace::FrameDrop{{0}}).reply.results[0], 1u);
}

TEST_F(Binding, AfterAnAbortEverythingIsPassedOverUntilReset) {
  ASSERT_EQ(make(KindName::value8), Status::ok);
  ASSERT_EQ(ask(trace::FrameClone{{0}, {1}}).reply.status, Status::ok);
  constexpr std::uint16_t kAlmostAll = 0xfffd;  // 2^63 - 3.
  ASSERT_EQ(ask(trace::FrameCountPreload{{0}, {kAlmostAll}}).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::FrameCount{{0}}).reply.results[0], Slot::kCountMax);

  const trace::Answer wanted{.reply = {Status::aborted, Code::count_overflow}, .choices = {}};
  EXPECT_EQ(ask(trace::FrameFromInUse{place(kPage), {2}}), wanted);
  EXPECT_EQ(ask(trace::FrameCount{{0}}).reply.status, Status::passed_over);
  system().reset({});
  EXPECT_TRUE(facts().empty());
  EXPECT_EQ(make(KindName::value8), Status::ok);
}

// Where mm counts, one comparison finds all counts that cannot be, and no other.
TEST_F(Binding, ACountThatCannotBeIsFoundByWhoeverCounts) {
  const trace::Op drop = trace::FrameDrop{{0}}, clone = trace::FrameClone{{0}, {1}},
                  join = trace::FrameFromInUse{place(kPage), {1}};
  constexpr trace::Reply kOk{}, kBroken{Status::aborted, Code::broken},
      kOverflow{Status::aborted, Code::count_overflow};
  constexpr std::uint64_t kMax = Slot::kCountMax;
  const struct {
    trace::Op op;
    std::uint64_t count;
    trace::Reply wanted;
  } cases[] = {{drop, 0, kBroken},
               {drop, 2, kOk},
               {drop, kMax, kOk},
               {drop, kMax + 1, kBroken},
               {drop, Slot::kUnique, kBroken},
               {drop, Slot::kUnused, kBroken},
               {clone, 0, kBroken},
               {clone, 1, kOk},
               {clone, kMax - 1, kOk},
               {clone, kMax, kOverflow},
               {clone, kMax + 1, kOverflow},
               {clone, Slot::kUnique, kOverflow},
               {clone, Slot::kUnused, kOverflow},
               {join, 0, {Status::busy}},
               {join, kMax - 1, {Status::ok, Code::none, {1}}},
               {join, kMax, kOverflow},
               {join, Slot::kUnique - 1, kOverflow},
               {join, Slot::kUnique, {Status::unique}},
               {join, Slot::kUnused, {Status::unused}}};
  for (const auto& one : cases) {
    system().rebuild({});
    ASSERT_EQ(make(KindName::value8), Status::ok);
    word(kCount) = one.count;
    const trace::Reply seen = system().apply(0, one.op).reply;
    // The first result: of a drop, whether it was the last; of a join, the kind.
    EXPECT_EQ(seen.status, one.wanted.status) << trace::name_of(one.op) << ' ' << one.count;
    EXPECT_EQ(seen.code, one.wanted.code) << trace::name_of(one.op) << ' ' << one.count;
    EXPECT_EQ(seen.results[0], one.wanted.results[0]) << trace::name_of(one.op) << ' ' << one.count;
  }
}

TEST_F(Binding, ALoosePageGivenBackIsNotedAndStaysLoose) {
  ASSERT_EQ(make(KindName::value8), Status::ok);
  const trace::Answer answer = ask(trace::FrameDrop{{0}});
  EXPECT_EQ(answer.choices.given.count, 1);
  EXPECT_EQ(answer.choices.given.page[0], kPage);
  EXPECT_TRUE(facts().empty());
}

// Two CPUs, and a space with a page at 1 GiB, which CPU 1 has reached.
class BindingOfSpaces : public Binding {
 protected:
  static constexpr trace::Table kSpace{trace::Table::kFirstShared + 3};
  static constexpr trace::VirtPlace kBegin{3, 0, 0}, kEnd{3, 1, 0};
  static constexpr trace::Length kRest{trace::Length::kRest, 0, 0};

  void SetUp() override {
    system().rebuild({.pages = {64}, .loose = {8}, .cpus = {2}, .tables = {4}});
    const trace::Answer activated = ask(trace::TableActivate{kSpace}, 1);
    ASSERT_EQ(activated.reply.status, Status::ok);
    root_ = activated.reply.results[0] / mm::kPageSize;
    ASSERT_EQ(ask(trace::AllocFrame{{KindName::empty}, {1}, {0}, {}}).reply.status, Status::ok);
    ASSERT_EQ(open(), Status::ok);
    ASSERT_EQ(ask(trace::CursorMapFrame{{0}, {{trace::Rights::kReadable}, {}, {}}}).reply.status,
              Status::ok);
    ASSERT_EQ(ask(trace::CursorClose{}).reply.status, Status::ok);
    ASSERT_EQ(touch(), Status::ok);
  }
  static Status open() { return ask(trace::CursorOpen{kSpace, kBegin, kEnd, {1}}).reply.status; }
  static Status touch() { return ask(trace::CpuTouch{kBegin, {}, {1}, {}}, 1).reply.status; }
  static void unmap() {
    ASSERT_EQ(open(), Status::ok);
    ASSERT_EQ(ask(trace::CursorUnmap{kRest}).reply.results[1], 1u);
  }
  static std::uint64_t interrupt(std::uint8_t lane) {
    return ask(trace::CpuInterrupt{}, lane).reply.results[0];
  }

  std::uint64_t root_ = 0;
};

TEST_F(BindingOfSpaces, TheCpusOfASpaceAreShown) {
  const auto has = [&](std::uint64_t cpus) {
    const std::vector<trace::Fact> all = facts(root_);
    return std::count(all.begin(), all.end(), trace::Fact(trace::ActiveOn{root_, cpus})) == 1;
  };
  EXPECT_TRUE(has(0b10));
  const std::uint64_t digest = system().digest(root_);
  ASSERT_EQ(ask(trace::TableActivate{kSpace}, 0).reply.status, Status::ok);
  EXPECT_TRUE(has(0b11));
  EXPECT_NE(system().digest(root_), digest);
}

TEST_F(BindingOfSpaces, AnInterruptIsHeldBackUntilItIsTaken) {
  unmap();
  EXPECT_EQ(touch(), Status::ok);
  EXPECT_EQ(interrupt(0), 0u);
  EXPECT_EQ(interrupt(1), 1u);
  EXPECT_EQ(interrupt(1), 0u);
  EXPECT_EQ(touch(), Status::page_fault);
}

TEST_F(BindingOfSpaces, WhoWaitsHasOthersTakeTheirs) {
  unmap();
  EXPECT_EQ(ask(trace::TlbIssue{kBegin, {2}, {}}).reply.results[0], 2u);
  const trace::Reply dispatched = ask(trace::TlbDispatch{}).reply;
  EXPECT_EQ(dispatched.results[0], 0b10u);
  EXPECT_EQ(dispatched.results[1], 0u);
  EXPECT_EQ(ask(trace::TlbSync{}).reply.results[0], 0b10u);
  EXPECT_EQ(ask(trace::TlbSync{}).reply.results[0], 0u);
  EXPECT_EQ(interrupt(1), 0u);
  EXPECT_EQ(touch(), Status::page_fault);
}

TEST_F(BindingOfSpaces, FlushesWantACursorThatMayChangeASpace) {
  const auto is_asked = [](const auto& op) { return ask(op).reply.status != Status::passed_over; };
  EXPECT_FALSE(is_asked(trace::TlbIssue{}) || is_asked(trace::TlbDispatch{}) ||
               is_asked(trace::TlbSync{}));
  ASSERT_EQ(open(), Status::ok);
  EXPECT_FALSE(is_asked(trace::CursorTakeNext{kRest, {7}}));
  EXPECT_EQ(ask(trace::TlbIssue{kBegin, {0}, {}}).reply,
            (trace::Reply{Status::panicked, Code::empty_range}));
  EXPECT_EQ(ask(trace::TlbIssue{{3, 0, 0xfb}, {0}, {}}).reply,
            (trace::Reply{Status::panicked, Code::misaligned}));
  EXPECT_EQ(ask(trace::TlbIssue{{3, 0, 0xfb}, {0}, {1}}).reply.results[1], 1u);
}

// INV-49: the flushes are lost.
TEST_F(BindingOfSpaces, APageThatACpuMayReachIsNotGivenBackUnseen) {
  unmap();
  ASSERT_EQ(ask(trace::CursorClose{}).reply.status, Status::ok);
  auto& queue = check::Recorded<check::Lone>::globals().flush_queues[1];
  ::new (static_cast<void*>(&queue)) std::remove_reference_t<decltype(queue)>();
  ASSERT_EQ(ask(trace::Quiesce{}, 1).reply.status, Status::ok);
  EXPECT_EQ(ask(trace::Quiesce{}, 0).reply, (trace::Reply{Status::aborted, Code::broken}));
}

}  // namespace
