// SPDX-License-Identifier: MPL-2.0
#include "props/gen/scene.h"

#include <algorithm>

namespace props {

namespace {

template <class... Ops>
constexpr Act cycle_of(Act how) {
  static_assert(sizeof...(Ops) <= how.cycle.size());
  how.cycle = {static_cast<std::uint8_t>(trace::kIndexOf<Ops>)...};
  how.size = sizeof...(Ops);
  return how;
}

using namespace trace;
using enum Act::Lane;
using enum Act::Sizes;
using enum Act::Kinds;

constexpr std::array kUsedUp = {
    cycle_of<AllocBlock, AllocSegment, AllocFrame>(
        {.rounds = 20, .until_refused = true, .sizes = most}),
    cycle_of<AllocFrame, AllocFreeBytes, AllocBlock>({.rounds = 2, .sizes = single}),
    cycle_of<AllocGiveBlock, FrameDrop, SegmentDrop>({.rounds = 6}),
    cycle_of<AllocBlock, AllocFrame, AllocSegment>({.rounds = 4}),
};
// Lists have room for all pages there are.
constexpr std::array kInPieces = {
    cycle_of<AllocFrame, UniqueTryFromFrame, ListPushBack>(
        {.rounds = 130, .until_refused = true, .kinds = links}),
    cycle_of<ListCursorFront>({}),
    cycle_of<ListTakeCurrent, UniqueDrop, ListMoveNext>({.rounds = 40}),
    cycle_of<ListCursorClose>({}),
    cycle_of<AllocBlock, AllocSegment, AllocFrame>({.rounds = 4, .sizes = few}),
    cycle_of<ListDrop>({}),
};
constexpr std::array kAllWithAnother = {
    cycle_of<AllocBlock, AllocFrame, AllocSegment>(
        {.rounds = 20, .until_refused = true, .lane = next, .sizes = most}),
    cycle_of<AllocGiveBlock, SegmentDrop, FrameDrop>({.rounds = 12}),
    cycle_of<AllocFrame, AllocFreeBytes, AllocBlock, AllocSegment>({.rounds = 4, .lane = next}),
};
constexpr std::array kGivenBackElsewhere = {
    cycle_of<AllocFrame>({.rounds = 8}),
    cycle_of<FrameFromInUse>({.rounds = 12, .lane = next}),
    cycle_of<FrameDrop>({.rounds = 8, .lane = back}),
    cycle_of<FrameDrop>({.rounds = 12, .lane = next}),
    cycle_of<AllocFrame>({.rounds = 8, .lane = back}),
};
constexpr std::array kOddSplits = {
    cycle_of<AllocBlock, AllocSplitBlock, AllocGiveBlock>({.rounds = 12, .sizes = few}),
    cycle_of<AllocBlock, AllocFrame, AllocFreeBytes>({.rounds = 4, .sizes = few}),
};
constexpr std::array kRefused = {
    cycle_of<AllocFail, AllocFrame, AllocFail, AllocSegment, AllocFail, AllocBlock>(
        {.rounds = 3, .sizes = few}),
};
constexpr std::array kFilledList = {
    cycle_of<UniqueFromUnused, ListPushBack, UniqueFromUnused, ListPushFront>(
        {.rounds = 4, .kinds = links}),
    cycle_of<ListCursorFront, ListCursorBack>({}),
    cycle_of<ListCurrent, ListMoveNext, ListTakeCurrent, ListMovePrev, ListInsertBefore>(
        {.rounds = 6}),
};
constexpr std::array kBytesStay = {
    cycle_of<AllocFrame, FrameToUntyped, BytesWrite>({.rounds = 3, .kinds = untyped}),
    cycle_of<FrameDrop>({.rounds = 4}),
    cycle_of<AllocFrame, FrameToUntyped, BytesRead>({.rounds = 3, .kinds = untyped}),
};
constexpr std::array kBytesOfSegments = {
    cycle_of<SegmentFromUnused, SegmentToUntyped>({.rounds = 2, .kinds = untyped}),
    cycle_of<BytesSegmentWrite, BytesSegmentRead, SegmentSplit>({.rounds = 4}),
};

constexpr std::array kFullSegment = {
    cycle_of<FrameFromUnused>({}),
    cycle_of<FrameCountPreload>({.rounds = 2, .to_limit = true}),
    cycle_of<SegmentFromFrame>({}),
    cycle_of<SegmentClone, SegmentSlice>({.rounds = 2}),
};
constexpr std::array kFullSlice = {
    cycle_of<FrameFromUnused>({}),
    cycle_of<FrameCountPreload>({.rounds = 12, .to_limit = true}),
    cycle_of<SegmentFromFrame>({.rounds = 4}),
    cycle_of<SegmentSlice>({.rounds = 10}),
};
constexpr std::array kBoots = {
    cycle_of<BootAddRegion>({.rounds = 10, .lane = first}),
    cycle_of<BootNormalise, BootRegionAt>({.rounds = 2}),
    cycle_of<BootEarlyInit>({}),
    cycle_of<BootEarlyAlloc>({.rounds = 4}),
    cycle_of<BootInitMeta, BootIsInitialized>({}),
    cycle_of<BootPage, BootMappedAt>({.rounds = 4}),
    cycle_of<BootInitAllocator>({}),
    cycle_of<BootPage>({.rounds = 6}),
};

// A large range, in the midst of which something changes.
constexpr std::array kHugePages = {
    cycle_of<CursorClose>({}),
    cycle_of<CursorOpen, CursorMapRun, CursorMapRaw, CursorJump>({.rounds = 3}),
    cycle_of<CursorJump, CursorProtectNext, CursorTakeNext, CursorQuery>({.rounds = 3}),
    cycle_of<CursorJump, CursorUnmap, CursorFindNext>({}),
};
// What is taken out waits, and then is given up.
constexpr std::array kTakenOut = {
    cycle_of<CursorOpen, CursorMapRun, CursorMapSegment, CursorMapFrame, CursorClose>(
        {.rounds = 2}),
    cycle_of<CursorOpen, CursorUnmap, CursorTakeNext, CursorClose>({.rounds = 2}),
    cycle_of<Quiesce>({.rounds = 6, .lane = next}),
    cycle_of<Quiesce>({.rounds = 2, .lane = next}),
};
// A CPU keeps what it knows until it is told.
constexpr std::array kKeptByCpus = {
    cycle_of<CursorClose>({}),
    cycle_of<TableActivate, CursorOpen, CursorMapRaw, CursorClose, CpuTouch>({.rounds = 2}),
    cycle_of<CpuTouch, CpuTouch, CursorOpen, CursorProtect, CursorUnmap, CursorClose>({}),
    cycle_of<CpuTouch, CpuFlushPage, CpuTouch, CpuFlushAll, CpuTouch>({}),
};
// What every lane does.
constexpr Act kAllClose = cycle_of<CursorClose>({.lane = each});
constexpr Act kAllActivate = cycle_of<TableActivate>({.lane = each});
constexpr Act kAllTouch = cycle_of<CpuTouch, CpuTouch>({.lane = each});
constexpr Act kAllPass = cycle_of<Quiesce>({.lane = each});
// What is taken out of a space that other CPUs translate by; they are told, and told late.
constexpr std::array kUnmappedElsewhere = {
    kAllClose,
    kAllActivate,
    cycle_of<AllocFrame, FrameToUntyped, CursorOpen, CursorMapFrame, CursorMapRaw, CursorClose>(
        {.rounds = 2, .kinds = untyped}),
    cycle_of<CpuTouch>({.rounds = 6, .lane = next}),
    cycle_of<CursorOpen, CursorUnmap, CursorProtect, TlbIssue, TlbDispatch, CursorClose>({}),
    cycle_of<CpuTouch, Quiesce, CpuInterrupt>({.rounds = 8, .lane = next}),
    cycle_of<AllocFrame, CpuTouch>({.rounds = 3}),
};
constexpr std::array kWaitedFor = {
    kAllClose,
    cycle_of<TableActivate, CpuTouch>({.lane = each}),
    cycle_of<CursorOpen, CursorMapRaw, CursorMapFrame, CursorJump>({}),
    kAllTouch,
    cycle_of<CursorJump, CursorProtect, TlbIssue, TlbDispatch, TlbSync, CpuTouch>(
        {.rounds = 2, .lane = holder}),
    kAllTouch,
};
// The same of whole tables, by one cursor.
constexpr std::array kEmptied = {
    kAllClose,
    kAllActivate,
    cycle_of<CursorOpen, CursorMapRun, CursorMapRaw, CursorMapRun>({}),
    kAllTouch,
    cycle_of<CursorJump, CursorUnmap>({.rounds = 2, .lane = holder}),
    kAllTouch,
};
// CPUs are told when they have passed.
constexpr std::array kToldLate = {
    kAllClose,
    kAllActivate,
    cycle_of<CursorOpen, CursorMapRaw, CursorJump, CursorUnmap>({}),
    kAllPass,
    cycle_of<TlbIssue, CursorClose, Quiesce>({.lane = holder}),
    cycle_of<CursorOpen, TlbIssue, CursorClose>({}),
    kAllPass,
};
// CPUs come and go while flushes are on their way.
constexpr std::array kMovedOn = {
    kAllClose,
    kAllActivate,
    cycle_of<CursorOpen, TlbIssue, TlbDispatch>({}),
    cycle_of<TableActivate, CpuTouch>({.rounds = 4, .lane = next}),
    cycle_of<TlbIssue, TlbDispatch, TlbSync>({.lane = holder}),
};
constexpr std::array kRefusedTables = {
    cycle_of<CursorClose>({}),
    cycle_of<AllocFail, CursorOpen, CursorMapRaw, AllocFail, CursorMapRun, CursorTakeNext>(
        {.rounds = 2}),
    cycle_of<AllocFail, CursorProtectNext, CursorUnmap, CursorClose, AllocFail, TableNew>(
        {.rounds = 2}),
};

// Memory lacks just when a page must be split.
constexpr std::array kRefusedSplits = {
    cycle_of<CursorClose>({}),
    cycle_of<CursorOpen, CursorMapRaw, CursorJump, CursorMapRaw, CursorMapRun>({.rounds = 2}),
    cycle_of<CursorJump, AllocFail, CursorProtect, CursorJump, AllocFail, CursorUnmap>(
        {.rounds = 2}),
    cycle_of<CursorJump, AllocFail, CursorProtectNext, CursorJump, AllocFail, CursorTakeNext>(
        {.rounds = 3}),
};
// A table's root has as many counts as there may be.
constexpr std::array kFullRoot = {
    cycle_of<FrameDrop, FrameFromInUse>({.to_limit = true}),
    cycle_of<FrameCountPreload>({.rounds = 12, .to_limit = true}),
    cycle_of<CursorClose, TableCopy, TableActivate>({.rounds = 2, .to_limit = true}),
};

// Refused splits twice: memory seldom lacks just when it should.
constexpr auto kScenes =
    std::to_array<Scene>({kUsedUp,          kInPieces,    kAllWithAnother, kGivenBackElsewhere,
                          kOddSplits,       kRefused,     kFilledList,     kBytesStay,
                          kBytesOfSegments, kFullSegment, kBoots,          kHugePages,
                          kTakenOut,        kKeptByCpus,  kRefusedTables,  kRefusedSplits,
                          kRefusedSplits,   kFullRoot,    kFullSlice,      kUnmappedElsewhere,
                          kWaitedFor,       kEmptied,     kToldLate,       kMovedOn});

constexpr bool nears_limit(Scene scene) {
  return std::ranges::any_of(scene, [](const Act& act) { return act.to_limit; });
}

constexpr OpSet ops_of(Scene scene) {
  OpSet ops;
  for (const Act& act : scene) {
    for (std::size_t i = 0; i < act.size; ++i) ops.insert(act.cycle[i]);
  }
  return ops;
}

}  // namespace

Scene any_scene(Dice& dice, const Taste& taste) {
  const bool must_near = taste.nears_limit && dice.one_in(2);  // What is for few tastes.
  for (int tries = 0; tries < 12; ++tries) {
    const Scene scene = kScenes[dice.below(kScenes.size())];
    if (nears_limit(scene) ? !taste.nears_limit : must_near) continue;
    if (taste.scenes.has_all(ops_of(scene))) return scene;
  }
  return {};
}

}  // namespace props
