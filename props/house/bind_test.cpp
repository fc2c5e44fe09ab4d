// SPDX-License-Identifier: MPL-2.0
// The binding shows what is there, whatever mm did: else a divergence could be its own fault, or
// stay unseen.
#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include "check/bind/cold.h"
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

// The cold machine, of which pages 1 to 99 are usable.
class BindingOfBootTables : public Binding {
 protected:
  using Cold = check::Cold<check::Lone>;
  static constexpr trace::VirtPlace kHalfTib{6, 0, 0}, kOneGib{3, 0, 0}, kUpper{19, 0, 0};
  static constexpr trace::Flag kFirst{0}, kOther{1};

  static void start_early() {
    ASSERT_EQ(ask(trace::BootAddRegion{{place(1)}, {99, 0}, {trace::RegionName::usable}}).reply,
              trace::Reply{});
    ASSERT_EQ(ask(trace::BootNormalise{}).reply.status, Status::ok);
    ASSERT_EQ(ask(trace::BootEarlyInit{}).reply.status, Status::ok);
  }
  static void boot() {
    start_early();
    ASSERT_EQ(ask(trace::BootInitMeta{}).reply.status, Status::ok);
    ASSERT_EQ(ask(trace::BootInitAllocator{}).reply.status, Status::ok);
  }
  static trace::Reply map(trace::VirtPlace at, trace::Flag cpu = kFirst) {
    const trace::Property property{{trace::Rights::kReadable}, {trace::Privileged::kUser}, {}};
    return ask(trace::BootMapPage{cpu, at, {0, 5}, property}).reply;
  }
  static trace::Reply protect(trace::VirtPlace at, trace::Flag cpu = kFirst) {
    return ask(trace::BootProtectPage{cpu, at, {{trace::Rights::kWritable}, {}, 0}}).reply;
  }
  static trace::Reply walk(trace::VirtPlace at) { return ask(trace::BootWalk{at}).reply; }
  static trace::Reply dismiss(trace::Flag cpu) { return ask(trace::BootDismiss{cpu}).reply; }

  static constexpr trace::Reply leads_to(std::uint64_t address, std::uint64_t level,
                                         std::uint64_t rights = 7) {
    return {Status::ok, Code::none, {address, rights, 0, 0, level}};
  }
  static std::vector<mm::u8> bytes_of(std::uint64_t page) {
    const mm::u8* const at = mm::page_bytes<Cold>({page * mm::kPageSize});
    return {at, at + mm::kPageSize};
  }
};

TEST_F(BindingOfBootTables, TheFirmwaresTablesAreThereFromTheBeginning) {
  EXPECT_EQ(walk({0, 3, 0xff}), leads_to(4 * mm::kPageSize - 1, 1));
  EXPECT_EQ(walk({1, 1, 0}), leads_to((2 << 20) + mm::kPageSize, 2));
  EXPECT_EQ(walk({4, 0, 0}), leads_to(std::uint64_t{2} << 30, 3));
  EXPECT_EQ(walk(kUpper), leads_to(0, 1));
  EXPECT_EQ(walk({16, 1, 0}), leads_to(mm::kPageSize, 1)) << "2^64 - 1 GiB";
  EXPECT_EQ(walk({18, 0, 0}).status, Status::none) << "the last page";
  EXPECT_EQ(walk(kHalfTib).status, Status::none);
  EXPECT_EQ(walk({20, 0, 0}).status, Status::passed_over) << "not canonical";
}

TEST_F(BindingOfBootTables, NewTablesAreToldInTheirOrder) {
  EXPECT_EQ(map(kHalfTib), (trace::Reply{Status::panicked, Code::no_early}));
  start_early();
  EXPECT_EQ(map(kHalfTib), (trace::Reply{Status::ok, Code::none, {3, 0x1000, 0x2000, 0x3000}}));
  EXPECT_EQ(walk(kHalfTib), (trace::Reply{Status::ok, Code::none, {0x5000, 1, 1, 0, 1}}));
  EXPECT_EQ(walk({6, 1, 0}).status, Status::none) << "empty, though its page was not";
  EXPECT_EQ(map(kHalfTib), (trace::Reply{Status::panicked, Code::mapped_already}));
  EXPECT_EQ(map(kOneGib), (trace::Reply{Status::panicked, Code::mapped_huge}));
  EXPECT_EQ(map({6, 0, 0xff}), (trace::Reply{Status::panicked, Code::misaligned}));
  EXPECT_EQ(protect({8, 0, 0}), (trace::Reply{Status::panicked, Code::not_mapped}));
  EXPECT_EQ(protect(kOneGib), (trace::Reply{Status::ok, Code::none, {2, 0x4000, 0x5000}}));
  EXPECT_EQ(walk(kOneGib), leads_to(std::uint64_t{1} << 30, 1, 5));
}

TEST_F(BindingOfBootTables, WhereATableIsRefusedThoseBeforeItAreTold) {
  ASSERT_EQ(ask(trace::BootAddRegion{{place(1)}, {2, 0}, {trace::RegionName::usable}}).reply,
            trace::Reply{});
  ASSERT_EQ(ask(trace::BootNormalise{}).reply.status, Status::ok);
  ASSERT_EQ(ask(trace::BootEarlyInit{}).reply.status, Status::ok);
  EXPECT_EQ(map(kHalfTib), (trace::Reply{Status::no_memory, Code::none, {2, 0x1000, 0x2000}}));
  EXPECT_EQ(map(kHalfTib), (trace::Reply{Status::no_memory, Code::none, {}}));
}

TEST_F(BindingOfBootTables, EachOfTwoCpusDismissesItOnce) {
  EXPECT_EQ(dismiss(kFirst).status, Status::passed_over) << "there is no metadata";
  boot();
  const trace::Reply made = map(kHalfTib, kOther);
  ASSERT_EQ(made.results[0], 3u);
  const auto page_of = [](std::uint64_t address) {
    return ask(trace::BootPage{{place(address / mm::kPageSize)}}).reply;
  };
  EXPECT_EQ(page_of(made.results[1]),
            (trace::Reply{Status::ok,
                          Code::none,
                          {static_cast<std::uint64_t>(KindName::early), 1,
                           static_cast<std::uint64_t>(trace::Usage::frame), 0}}));
  EXPECT_EQ(dismiss(kOther), trace::Reply{});
  EXPECT_EQ(dismiss(kOther).status, Status::none);
  EXPECT_EQ(map(kHalfTib, kOther).status, Status::none);
  EXPECT_EQ(protect(kHalfTib, kOther).status, Status::none);
  EXPECT_EQ(protect(kHalfTib, kFirst).status, Status::ok);
  EXPECT_EQ(dismiss(kFirst), (trace::Reply{Status::ok, Code::none, {1, 3}}));
  EXPECT_EQ(page_of(made.results[1]), (trace::Reply{Status::unused, Code::none, {0, 0, 0, 1}}));
  EXPECT_EQ(walk({0, 0, 0}).status, Status::none);
}

TEST_F(BindingOfBootTables, WhatWasWrittenIsAsItWasAfterReset) {
  std::vector<std::vector<mm::u8>> before;
  for (std::uint64_t page = 0; page < 133; ++page) before.push_back(bytes_of(page));
  EXPECT_EQ(before[7], std::vector<mm::u8>(mm::kPageSize, 7));
  boot();
  ASSERT_EQ(map(kHalfTib).results[0], 3u);
  ASSERT_EQ(protect(kOneGib).results[0], 2u);
  ASSERT_EQ(dismiss(kFirst).status, Status::ok);
  ASSERT_EQ(dismiss(kOther).results[1], 5u);
  system().reset({});
  for (std::uint64_t page = 0; page < 133; ++page) EXPECT_EQ(bytes_of(page), before[page]) << page;
  EXPECT_EQ(dismiss(kFirst).status, Status::passed_over);
  boot();
  EXPECT_EQ(map(kHalfTib).results[0], 3u);
  EXPECT_EQ(dismiss(kFirst), trace::Reply{}) << "nobody had";
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

// Users' memory: CPU 1 translates by the space, whose page at 1 GiB may only be read.
class BindingOfUsers : public BindingOfSpaces {
 protected:
  static constexpr std::uint8_t kCpu = 1;
  static constexpr trace::VirtPlace kLast{3, 0, 0xff};  // The page's last byte.

  void SetUp() override {
    BindingOfSpaces::SetUp();
    // Two pages more behind it, which may be written to.
    ASSERT_EQ(ask(trace::CursorOpen{kSpace, {3, 1, 0}, {3, 3, 0}, {1}}).reply.status, Status::ok);
    for (const std::uint8_t i : std::array<std::uint8_t, 2>{1, 2}) {
      ASSERT_EQ(ask(trace::AllocFrame{{KindName::empty}, {1}, {i}, {1}}).reply.status, Status::ok);
      const trace::Property property{{trace::Rights::kReadable | trace::Rights::kWritable}, {}, {}};
      ASSERT_EQ(ask(trace::CursorMapFrame{{i}, property}).reply.status, Status::ok);
    }
    ASSERT_EQ(ask(trace::CursorClose{}).reply.status, Status::ok);
    for (std::uint64_t i = 0; i < 3; ++i) frames_[i] = frame_at(i);
  }
  static std::uint64_t frame_at(std::uint64_t page) {
    const trace::VirtPlace at{3, static_cast<std::uint8_t>(page), 0};
    return ask(trace::TableWalk{kSpace, at}).reply.results[0];
  }
  static trace::Reply read(trace::VirtPlace at, trace::Extent length) {
    return ask(trace::UserRead{kSpace, at, length}, kCpu).reply;
  }
  static trace::Reply write(trace::VirtPlace at, trace::Extent length, std::uint16_t value,
                            bool zeros = false) {
    return ask(
               trace::UserWrite{
                   kSpace, at, length, {value}, {zeros ? std::uint8_t{1} : std::uint8_t{0}}},
               kCpu)
        .reply;
  }

  std::array<std::uint64_t, 3> frames_{};
};

TEST_F(BindingOfUsers, ACopyTellsEachPageThatItReached) {
  const trace::Reply seen =
      read(kLast, {1, 0xfb});  // A byte, a page; the last byte is the third's.
  EXPECT_EQ(seen, (trace::Reply{Status::ok,
                                Code::none,
                                {4097, frames_[0], frames_[1], 0, 0b10, 0, seen.results[6]}}));
  EXPECT_EQ(read(kLast, {1, 0xfc}).results[3], frames_[2]);
  EXPECT_EQ(read({3, 3, 0}, {0, 0}), trace::Reply{});
}

TEST_F(BindingOfUsers, WhatIsWrittenIsRead) {
  EXPECT_EQ(write({3, 1, 0}, {0, 0xfd}, 200), (trace::Reply{Status::ok,  // 63 bytes.
                                                            Code::none,
                                                            {63, frames_[1], 0, 0, 1, 0}}));
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 63; ++i) sum += (200 + i) % 256;
  EXPECT_EQ(read({3, 1, 0}, {0, 0xfd}).results[6], sum);
  EXPECT_EQ(write({3, 1, 0xfe}, {1, 0}, 0, /*zeros=*/true),
            (trace::Reply{Status::ok, Code::none, {4096, frames_[1], frames_[2], 0, 0b10, 0}}));
  EXPECT_EQ(read({3, 1, 0}, {2, 0}).results[6], sum);
}

TEST_F(BindingOfUsers, AFaultTellsHowFarItCame) {
  constexpr std::uint64_t kAbsent = 2, kReadOnly = 3;  // Of stores.
  const trace::Reply to_the_end{
      Status::page_fault, Code::none, {1, frames_[2], 0, 0, 0b11, kAbsent}};
  EXPECT_EQ(write({3, 2, 0xff}, {0, 0xfc}, 1), to_the_end);
  const trace::Reply a_page{
      Status::page_fault, Code::none, {4096, frames_[2], 0, 0, 0b10, kAbsent}};
  EXPECT_EQ(write({3, 2, 0}, {1, 0xfb}, 0, /*zeros=*/true), a_page);
  const trace::Reply nothing{Status::page_fault, Code::none, {0, 0, 0, 0, 0, kReadOnly}};
  EXPECT_EQ(write(kBegin, {0, 0xfb}, 1), nothing);
}

TEST_F(BindingOfUsers, AWordIsLoadedAndExchanged) {
  const auto exchange = [] {
    return ask(trace::UserExchange{kSpace, {3, 2, 0xfc}, {0}, {7}}, kCpu).reply;
  };
  EXPECT_EQ(exchange(), (trace::Reply{Status::ok, Code::none, {0, 1, frames_[2], 1, 0}}));
  EXPECT_EQ(exchange(), (trace::Reply{Status::ok, Code::none, {7, 0, frames_[2], 0, 0}}));
  const auto load = [](trace::VirtPlace at) {
    return ask(trace::UserLoad{kSpace, at}, kCpu).reply;
  };
  EXPECT_EQ(load({3, 2, 0xfc}), (trace::Reply{Status::ok, Code::none, {7, frames_[2], 0, 0}}));
  EXPECT_EQ(load({3, 2, 0xfb}), (trace::Reply{Status::panicked, Code::misaligned}));
  EXPECT_EQ(load({3, 3, 0}), (trace::Reply{Status::page_fault, Code::none, {0, 0, 1, 0}}));
}

TEST_F(BindingOfUsers, OnlyTheSpaceThatTheCpuTranslatesByIsReached) {
  const auto status_on = [](std::uint8_t cpu) {
    return ask(trace::UserRead{kSpace, kBegin, {1, 0}}, cpu).reply.status;
  };
  EXPECT_EQ(status_on(0), Status::access_denied);
  EXPECT_EQ(status_on(kCpu), Status::ok);
  EXPECT_EQ(read({8, 0, 0}, {0, 0}).status, Status::ok);  // The end of users' memory.
  EXPECT_EQ(read({8, 0, 0}, {0, 0xfb}).status, Status::access_denied);
  // By a table that is no space, global pages may have been reached.
  constexpr trace::Table kUser{trace::Table::kFirstShared + 1};
  ASSERT_EQ(ask(trace::TableActivate{kUser}, kCpu).reply.status, Status::ok);
  EXPECT_EQ(status_on(kCpu), Status::access_denied);
  ASSERT_EQ(ask(trace::TableActivate{kSpace}, kCpu).reply.status, Status::ok);
  EXPECT_EQ(status_on(kCpu), Status::passed_over);
  ASSERT_EQ(ask(trace::CpuFlushAll{{1}}, kCpu).reply.status, Status::ok);
  EXPECT_EQ(status_on(kCpu), Status::ok);
}

TEST_F(BindingOfUsers, ACopyOfASpaceIsHeldAndWaitedFor) {
  ASSERT_EQ(write({3, 1, 0}, {0, 0xfb}, 1).status, Status::ok);
  const trace::Reply forked = ask(trace::SpaceFork{kSpace, {0}}).reply;
  EXPECT_EQ(forked, (trace::Reply{Status::ok, Code::none, {forked.results[0], 3, 0, 2, 0b10}}));
  EXPECT_EQ(ask(trace::SpaceFork{kSpace, {0}}).reply.status, Status::passed_over);
  EXPECT_EQ(write({3, 1, 0}, {0, 0xfb}, 1).status, Status::page_fault);
  const trace::Reply there = ask(trace::TableWalk{{0}, {3, 1, 0}}).reply;
  EXPECT_EQ(there.results[0], frames_[1]);
  EXPECT_EQ(there.results[1], trace::Rights::kReadable);
}

// Two CPUs, of which the second translates by the kernel's table; and an area of two frames at the
// end of the addresses, which it has reached.
class BindingOfAreas : public Binding {
 protected:
  using P = check::Recorded<check::Lone>;
  static constexpr trace::Table kKernel{trace::Table::kFirstShared};
  static constexpr std::uint64_t kFirst = trace::kAreasEnd - 2 * mm::kPageSize;
  static constexpr trace::Property kData{
      {trace::Rights::kReadable | trace::Rights::kWritable}, {trace::Privileged::kGlobal}, {}};
  static constexpr trace::Target kNowhere{3, 0};

  void SetUp() override {
    system().rebuild({.pages = {64}, .loose = {8}, .cpus = {2}, .tables = {1}});
    ASSERT_EQ(ask(trace::TableActivate{kKernel}, 1).reply.status, Status::ok);
    at_ = get_segment();
    ASSERT_EQ(map_frames(2).status, Status::ok);
    ASSERT_EQ(touch(), Status::ok);
  }
  // Two pages in the register s0: where.
  static std::uint64_t get_segment() {
    const trace::Answer answer = ask(trace::AllocSegment{{2}, {KindName::empty}, {1}, {0}, {}});
    EXPECT_EQ(answer.reply.status, Status::ok);
    return answer.choices.taken.page[0] * mm::kPageSize;
  }
  static constexpr trace::VirtPlace from_end(int pages, std::uint8_t offset = 0) {
    return {22, static_cast<std::uint8_t>(pages), offset};
  }
  static trace::Reply map_frames(std::uint16_t pages, std::uint8_t to = 0) {
    return ask(trace::AreaMapFrames{{pages}, {0}, {0}, kData, {to}}).reply;
  }
  static trace::Reply map_range(std::uint16_t pages, std::uint16_t length, std::uint8_t to,
                                std::uint8_t lane = 0) {
    return ask(trace::AreaMapRange{{pages}, {0}, kNowhere, {length}, kData, {to}}, lane).reply;
  }
  static trace::Reply drop(std::uint8_t area = 0, std::uint8_t lane = 0) {
    return ask(trace::AreaDrop{{area}}, lane).reply;
  }
  static Status touch() { return ask(trace::CpuTouch{from_end(-2), {}, {}, {}}, 1).reply.status; }
  static trace::Reply open(int begin, int end, bool may_change, std::uint8_t lane = 0) {
    return ask(trace::CursorOpen{kKernel, from_end(begin), from_end(end), {may_change}}, lane)
        .reply;
  }
  static bool is_passed_over(const trace::Reply& reply) {
    return reply.status == Status::passed_over;
  }

  std::uint64_t at_ = 0;
};

TEST_F(BindingOfAreas, WhatIsMappedIsTold) {
  const trace::Reply first = ask(trace::AreaQuery{{0}, {0}}).reply;
  EXPECT_EQ(first.status, Status::ok);
  EXPECT_EQ(first.results[0], kFirst);
  EXPECT_EQ(first.results[1], static_cast<std::uint64_t>(trace::ItemName::tracked));
  EXPECT_EQ(first.results[2], at_);
  EXPECT_EQ(first.results[3], kData.rights.bits | trace::Rights::kAccessed) << "CPU 1 was there";
  EXPECT_EQ(first.results[4], kData.privileged.bits);
  EXPECT_EQ(ask(trace::AreaQuery{{0}, {1}}).reply.results[2], at_ + mm::kPageSize);
  EXPECT_EQ(ask(trace::AreaQuery{{0}, {2}}).reply, (trace::Reply{Status::out_of_bound}));
  EXPECT_EQ(ask(trace::AreaQuery{{0}, {0xffff}}).reply, (trace::Reply{Status::out_of_bound}));
  std::vector<trace::Fact> mapped;
  system().mapped({0, trace::kAreasBegin, trace::kAreasEnd - 1},
                  [&](const trace::Fact& fact) { mapped.push_back(fact); });
  EXPECT_EQ(mapped.size(), 2u);
  EXPECT_EQ(map_range(3, 0, 1), (trace::Reply{Status::ok, Code::none, {kFirst - 0x3000}}));
  EXPECT_EQ(ask(trace::AreaQuery{{1}, {2}}).reply,
            (trace::Reply{Status::none, Code::none, {kFirst - 0x1000}}));
}

TEST_F(BindingOfAreas, TheFramesAreTheTables) {
  EXPECT_TRUE(is_passed_over(ask(trace::SegmentDrop{{0}}).reply));
  EXPECT_TRUE(is_passed_over(map_frames(2, 1)));
  get_segment();
  const trace::Reply wanted{Status::ok, Code::none, {kFirst - 0x4000, 2}};
  EXPECT_EQ(map_frames(4, 1), wanted);
}

TEST_F(BindingOfAreas, ADropIsWaitedFor) {
  EXPECT_EQ(drop(), (trace::Reply{Status::ok, Code::none, {2, 0, 0, 0b10}}));
  EXPECT_EQ(ask(trace::CpuInterrupt{}, 1).reply.results[0], 0u) << "it has flushed";
  EXPECT_EQ(touch(), Status::page_fault);
  EXPECT_TRUE(is_passed_over(drop()));
  EXPECT_EQ(map_range(1, 0, 0).results[0], trace::kAreasEnd - mm::kPageSize);
  EXPECT_EQ(drop(), (trace::Reply{})) << "nothing was there";
}

TEST_F(BindingOfAreas, BothPartsAreHeld) {
  EXPECT_EQ(ask(trace::AreaSplit{{0}, {2}, {1}}).reply,
            (trace::Reply{Status::panicked, Code::bad_split}));
  EXPECT_EQ(ask(trace::AreaSplit{{0}, {1}, {1}}).reply,
            (trace::Reply{Status::ok, Code::none, {kFirst + 0x1000}}));
  EXPECT_TRUE(is_passed_over(ask(trace::AreaSplit{{0}, {1}, {1}}).reply));
  EXPECT_EQ(ask(trace::AreaQuery{{0}, {1}}).reply.status, Status::out_of_bound);
  EXPECT_EQ(ask(trace::AreaQuery{{1}, {0}}).reply.results[2], at_ + mm::kPageSize);
  EXPECT_EQ(drop(1).results[0], 1u);
  EXPECT_EQ(touch(), Status::ok);
}

TEST_F(BindingOfAreas, WhereMemoryIsRefusedTheRegistersStay) {
  get_segment();
  // Its tables are there, in the register's place is none: one is wanted for what lies below.
  ASSERT_EQ(ask(trace::AllocFail{{0}, {1}}).reply.status, Status::ok);
  const trace::Reply refused = map_frames(64, 1);
  EXPECT_EQ(refused, (trace::Reply{Status::no_memory}));
  EXPECT_TRUE(is_passed_over(drop(1)));
  EXPECT_EQ(ask(trace::SegmentDrop{{0}}).reply.status, Status::ok);
}

TEST_F(BindingOfAreas, AreAskedForOnlyWhereNoCursorIsOpen) {
  ASSERT_EQ(open(-2, 0, false).status, Status::ok);
  for (std::uint8_t lane = 0; lane < 2; ++lane) {
    EXPECT_TRUE(is_passed_over(map_range(1, 1, 1, lane)));
    EXPECT_TRUE(is_passed_over(drop(0, lane)));
    EXPECT_TRUE(is_passed_over(ask(trace::AreaQuery{{0}, {0}}, lane).reply));
    EXPECT_TRUE(is_passed_over(ask(trace::AreaSplit{{0}, {1}, {1}}, lane).reply));
  }
  ASSERT_EQ(ask(trace::CursorClose{}).reply.status, Status::ok);
  EXPECT_EQ(map_range(1, 1, 1, 1).status, Status::ok);
  EXPECT_EQ(ask(trace::AreaQuery{{0}, {0}}).reply.status, Status::ok);
  system().go_at_once();
  EXPECT_TRUE(is_passed_over(ask(trace::AreaQuery{{0}, {0}}).reply));
  EXPECT_TRUE(is_passed_over(drop()));
  system().reset({.pages = {64}, .loose = {8}, .cpus = {2}, .tables = {0}});
  EXPECT_TRUE(is_passed_over(map_range(1, 1, 0))) << "there is no table";
}

TEST_F(BindingOfAreas, NobodyElseChangesWhatAreasMap) {
  const auto can_open = [](int begin, int end, bool may_change = true) {
    const trace::Reply reply = open(begin, end, may_change);
    if (reply.status == Status::ok) (void)ask(trace::CursorClose{});
    return !is_passed_over(reply);
  };
  EXPECT_TRUE(can_open(0, 1));
  EXPECT_FALSE(can_open(-1, 1));
  EXPECT_FALSE(can_open(-1, 0));
  EXPECT_TRUE(can_open(-1, 0, false));
  const auto open_of = [](trace::VirtPlace begin, trace::VirtPlace end) {
    return ask(trace::CursorOpen{kKernel, begin, end, {1}}).reply.status;
  };
  constexpr trace::VirtPlace kBeginOfAll{10, 0, 0}, kSecond{13, 0, 0};  // kernel_begin, _second.
  static_assert(address_of(kSecond) < trace::kAreasBegin);
  EXPECT_EQ(open_of(kSecond, from_end(1)), Status::passed_over);
  EXPECT_EQ(open_of(kBeginOfAll, kSecond), Status::ok);
  ASSERT_EQ(ask(trace::CursorClose{}).reply.status, Status::ok);
  EXPECT_EQ(open_of(from_end(-1, 0xfb), from_end(0)), Status::passed_over) << "valid or not";
}

// A wait that a panic has ended is over: from then on interrupts are held back as before.
TEST_F(BindingOfAreas, AfterAPanicInterruptsAreHeldBack) {
  EXPECT_EQ(map_range(0, 0, 1), (trace::Reply{Status::panicked, Code::empty_range}));
  EXPECT_EQ(map_range(1, 2, 1), (trace::Reply{Status::panicked, Code::beyond_range}));
  EXPECT_TRUE(is_passed_over(drop(1)));
  P::run_on(
      0b10, [](void*) noexcept {}, nullptr);
  EXPECT_FALSE(P::interrupt_others());
  EXPECT_EQ(map_range(0xffff, 0, 1), (trace::Reply{Status::no_space})) << "so many pages";
}

TEST_F(BindingOfAreas, AreForgottenAtReset) {
  ASSERT_EQ(map_range(trace::kAreaPages - 2, 0, 1).results[0], trace::kAreasBegin);
  ASSERT_EQ(map_range(1, 0, 2).status, Status::no_space);
  system().reset({.pages = {64}, .loose = {8}, .cpus = {2}, .tables = {1}});
  EXPECT_TRUE(is_passed_over(drop(0)) && is_passed_over(drop(1)));
  EXPECT_EQ(map_range(trace::kAreaPages, 0, 1).results[0], trace::kAreasBegin);
}

}  // namespace
