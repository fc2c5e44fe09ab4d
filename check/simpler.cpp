// SPDX-License-Identifier: MPL-2.0
#include "check/simpler.h"

#include <algorithm>

namespace check {
namespace {

template <class... Ops>
struct InOrder {
  static constexpr std::size_t kCount = sizeof...(Ops);
  template <class T>
  static constexpr std::size_t rank() {
    std::size_t at = 0;
    const bool is_there = ((std::is_same_v<T, Ops> || (++at, false)) || ...);
    return is_there ? at : kCount;
  }
};

using Simplest =
    InOrder<trace::FrameFromUnused, trace::FrameDrop, trace::FrameClone, trace::FrameToDyn,
            trace::UniqueFromUnused, trace::UniqueDrop, trace::AllocFrame, trace::FrameFromInUse,
            trace::FrameCount, trace::FrameUsage, trace::FrameEqual, trace::FrameReadMeta,
            trace::UniqueReadMeta, trace::UniqueToDyn, trace::UniqueIntoShared,
            trace::UniqueTryFromFrame, trace::FrameIntoRaw, trace::FrameFromRaw, trace::FrameIncRaw,
            trace::FrameBorrow, trace::FrameBorrowClone, trace::FrameTryFrom, trace::FrameToUntyped,
            trace::UniqueWriteMeta, trace::UniqueReset, trace::UniqueRepurpose,
            trace::FrameCountPreload,
            // Runs of frames, and what is asked of them.
            trace::SegmentFromUnused, trace::AllocSegment, trace::SegmentDrop, trace::SegmentRange,
            trace::SegmentClone, trace::SegmentToDyn, trace::SegmentFromFrame, trace::SegmentNext,
            trace::SegmentSplit, trace::SegmentSlice, trace::SegmentIntoRaw, trace::SegmentFromRaw,
            trace::SegmentTryFrom, trace::SegmentToUntyped,
            // Pages of the allocator.
            trace::AllocFreeBytes, trace::AllocBlock, trace::AllocGiveBlock, trace::AllocAddBlock,
            trace::AllocSplitBlock, trace::AllocFail,
            // Lists: their ends, then their cursors.
            trace::ListSize, trace::ListPushBack, trace::ListPopFront, trace::ListPushFront,
            trace::ListPopBack, trace::ListContains, trace::ListDrop, trace::ListCursorFront,
            trace::ListCurrent, trace::ListMoveNext, trace::ListCursorClose, trace::ListCursorBack,
            trace::ListMovePrev, trace::ListInsertBefore, trace::ListTakeCurrent,
            trace::ListCursorAt, trace::ListWriteCurrent,
            // Bytes: read, written, and in other ways.
            trace::BytesRead, trace::BytesWrite, trace::BytesSegmentRead, trace::BytesSegmentWrite,
            trace::BytesCopy, trace::BytesReadVal, trace::BytesWriteVal, trace::BytesReadOnce,
            trace::BytesWriteOnce, trace::BytesFillZeros, trace::BytesFill,
            // The boot, in its order.
            trace::BootIsInitialized, trace::BootAddRegion, trace::BootNormalise,
            trace::BootRegionAt, trace::BootEarlyInit, trace::BootEarlyAlloc, trace::BootInitMeta,
            trace::BootPage, trace::BootInitAllocator, trace::BootMappedAt,
            // The table that it boots with.
            trace::BootWalk, trace::BootMapPage, trace::BootProtectPage, trace::BootDismiss,
            // CPUs, and the tables that they translate by.
            trace::CpuFlushPage, trace::CpuFlushAll, trace::TableActivate, trace::CpuTouch,
            trace::CpuControl, trace::TableWalk, trace::TableNew, trace::TableDrop,
            trace::TableCopy, trace::Quiesce,
            // Cursors: what looks, what changes a page, what changes many.
            trace::CursorOpen, trace::CursorClose, trace::CursorQuery, trace::CursorFindNext,
            trace::CursorJump, trace::CursorMapRaw, trace::CursorMapFrame, trace::CursorTakeNext,
            trace::CursorProtectNext, trace::CursorMapRun, trace::CursorMapSegment,
            trace::CursorUnmap, trace::CursorProtect,
            // What CPUs still know of a space.
            trace::CpuInterrupt, trace::TlbSync, trace::TlbDispatch, trace::TlbIssue,
            // Users' memory, and copies of it.
            trace::UserLoad, trace::UserRead, trace::UserWrite, trace::UserExchange,
            trace::SpaceFork,
            // Areas of the kernel's.
            trace::AreaMapRange, trace::AreaMapFrames, trace::AreaQuery, trace::AreaDrop,
            trace::AreaSplit>;
static_assert(Simplest::kCount == trace::kOpCount, "A new operation needs its place here");

template <std::size_t... I>
constexpr auto ranks(std::index_sequence<I...>) {
  return std::array{Simplest::rank<std::variant_alternative_t<I, trace::Op>>()...};
}
constexpr auto kRanks = ranks(std::make_index_sequence<trace::kOpCount>{});
static_assert(std::ranges::none_of(kRanks, [](auto rank) { return rank == trace::kOpCount; }));

// Operands by their parts as they are stored: of every noun, the simpler value is the smaller one.
std::strong_ordering by_operands(const trace::Call& a, const trace::Call& b) {
  if (const auto order = a.lane.index <=> b.lane.index; order != 0) return order;
  return std::visit(
      [&]<class T>(const T& one) {
        const T& other = std::get<T>(b.op);
        std::strong_ordering order = std::strong_ordering::equal;
        T::fields([&](const char*, auto member) {
          if (order == 0) order = one.*member <=> other.*member;
        });
        return order;
      },
      a.op);
}

std::size_t calls_at_once(const trace::Trace& trace) {
  return trace.at_once ? trace.calls.size() - trace.prologue : 0;
}

std::size_t sum_of_ranks(const trace::Trace& trace) {
  std::size_t sum = 0;
  for (const trace::Call& call : trace.calls) sum += rank_of(call.op);
  return sum;
}

// Of two traces with equally many calls.
std::strong_ordering by_calls(const trace::Trace& a, const trace::Trace& b, auto&& compare) {
  for (std::size_t i = 0; i < a.calls.size(); ++i) {
    if (const auto order = compare(a.calls[i], b.calls[i]); order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering by_schedule(const trace::Trace& a, const trace::Trace& b) {
  if (const auto order = a.schedule.size() <=> b.schedule.size(); order != 0) return order;
  for (std::size_t i = 0; i < a.schedule.size(); ++i) {
    if (const auto order = a.schedule[i].what <=> b.schedule[i].what; order != 0) return order;
    if (const auto order = a.schedule[i].where <=> b.schedule[i].where; order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering compare(const trace::Trace& a, const trace::Trace& b) {
  if (const auto order = a.calls.size() <=> b.calls.size(); order != 0) return order;
  if (const auto order = a.at_once <=> b.at_once; order != 0) return order;
  if (const auto order = calls_at_once(a) <=> calls_at_once(b); order != 0) return order;
  if (const auto order = a.machine.cpus <=> b.machine.cpus; order != 0) return order;
  if (const auto order = sum_of_ranks(a) <=> sum_of_ranks(b); order != 0) return order;
  auto rank_order = [](const trace::Call& one, const trace::Call& other) {
    return rank_of(one.op) <=> rank_of(other.op);
  };
  if (const auto order = by_calls(a, b, rank_order); order != 0) return order;
  if (const auto order = a.machine <=> b.machine; order != 0) return order;
  if (const auto order = by_calls(a, b, by_operands); order != 0) return order;
  return by_schedule(a, b);
}

}  // namespace

std::size_t rank_of(const trace::Op& op) { return kRanks[op.index()]; }

bool is_simpler(const trace::Trace& a, const trace::Trace& b) { return compare(a, b) < 0; }

}  // namespace check
