// SPDX-License-Identifier: MPL-2.0
// The list of operations. This is the one list: codecs, generators, the reference, every system
// under test and the reports are all driven by it.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "trace/ops/alloc.h"
#include "trace/ops/area.h"
#include "trace/ops/boot.h"
#include "trace/ops/boot_table.h"
#include "trace/ops/bytes.h"
#include "trace/ops/cpu.h"
#include "trace/ops/cursor.h"
#include "trace/ops/frame.h"
#include "trace/ops/list.h"
#include "trace/ops/segment.h"
#include "trace/ops/table.h"
#include "trace/ops/tlb.h"
#include "trace/ops/unique.h"
#include "trace/ops/user.h"
#include "trace/reply.h"

namespace trace {

// Append only: bytes number operations by their place in this list.
using Op = std::variant<
    FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameIntoRaw, FrameFromRaw, FrameIncRaw,
    FrameBorrow, FrameBorrowClone, FrameEqual, FrameCount, FrameReadMeta, FrameToDyn, FrameTryFrom,
    FrameToUntyped, FrameUsage, FrameCountPreload, UniqueFromUnused, UniqueReadMeta,
    UniqueWriteMeta, UniqueRepurpose, UniqueReset, UniqueIntoShared, UniqueTryFromFrame,
    UniqueToDyn, UniqueDrop, AllocFrame, SegmentFromUnused, SegmentSplit, SegmentSlice, SegmentNext,
    SegmentClone, SegmentDrop, SegmentIntoRaw, SegmentFromRaw, SegmentToDyn, SegmentTryFrom,
    SegmentToUntyped, SegmentFromFrame, SegmentRange, ListPushFront, ListPushBack, ListPopFront,
    ListPopBack, ListContains, ListSize, ListCursorFront, ListCursorBack, ListCursorAt,
    ListMoveNext, ListMovePrev, ListCurrent, ListWriteCurrent, ListInsertBefore, ListTakeCurrent,
    ListCursorClose, ListDrop, AllocSegment, AllocBlock, AllocGiveBlock, AllocAddBlock,
    AllocSplitBlock, AllocFreeBytes, AllocFail, BytesWrite, BytesRead, BytesCopy, BytesReadVal,
    BytesWriteVal, BytesReadOnce, BytesWriteOnce, BytesFill, BytesFillZeros, BytesSegmentWrite,
    BytesSegmentRead, BootAddRegion, BootNormalise, BootRegionAt, BootEarlyInit, BootEarlyAlloc,
    BootInitMeta, BootMappedAt, BootIsInitialized, BootPage, BootInitAllocator, TableNew, TableCopy,
    TableDrop, TableWalk, TableActivate, Quiesce, CursorOpen, CursorClose, CursorQuery,
    CursorFindNext, CursorJump, CursorMapFrame, CursorMapRaw, CursorMapRun, CursorMapSegment,
    CursorTakeNext, CursorUnmap, CursorProtectNext, CursorProtect, CpuTouch, CpuControl,
    CpuFlushPage, CpuFlushAll, TlbIssue, TlbDispatch, TlbSync, CpuInterrupt, UserRead, UserWrite,
    UserLoad, UserExchange, SpaceFork, AreaMapFrames, AreaMapRange, AreaQuery, AreaSplit, AreaDrop,
    BootMapPage, BootProtectPage, BootWalk, BootDismiss>;

inline constexpr std::size_t kOpCount = std::variant_size_v<Op>;
inline constexpr std::size_t kOperandBytes = 14;  // Of a 16-byte record: kind, lane, operands.

// Calls `each(std::type_identity<OneOp>{}, index)` for every operation of the list.
constexpr void for_each_op(auto&& each) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (each(std::type_identity<std::variant_alternative_t<I, Op>>{}, I), ...);
  }
  (std::make_index_sequence<kOpCount>{});
}

// The place of an operation in the list.
template <class OneOp>
inline constexpr std::size_t kIndexOf = []<class... Ops>(const std::variant<Ops...>*) {
  std::size_t index = 0;
  (void)((std::is_same_v<OneOp, Ops> || (++index, false)) || ...);
  return index;
}(static_cast<const Op*>(nullptr));

// Calls `use(std::type_identity<OneOp>{})` for the operation at `index`.
template <std::size_t I = 0>
constexpr decltype(auto) with_op(std::size_t index, auto&& use) {
  if constexpr (I + 1 == kOpCount) {
    return use(std::type_identity<std::variant_alternative_t<I, Op>>{});
  } else {
    return index == I ? use(std::type_identity<std::variant_alternative_t<I, Op>>{})
                      : with_op<I + 1>(index, use);
  }
}

// What is known of each operation, by its place in the list. Compilers take seconds for a
// std::visit of so many alternatives.
template <auto kOf>
inline constexpr auto kOfEachOp = []<class... Ops>(const std::variant<Ops...>*) {
  return std::array{kOf(std::type_identity<Ops>{})...};
}(static_cast<const Op*>(nullptr));

inline const char* name_of(const Op& op) {
  return kOfEachOp<[]<class T>(std::type_identity<T>) { return T::kName; }>[op.index()];
}
inline const char* law_of(const Op& op) {
  return kOfEachOp<[]<class T>(std::type_identity<T>) { return T::kLaw; }>[op.index()];
}
// What its results are.
inline std::span<const Result> results_of(const Op& op) {
  return kOfEachOp<[]<class T>(std::type_identity<T>) {
    return std::span<const Result>(T::kResults);
  }>[op.index()];
}

// The bytes that a struct with `fields` takes.
template <class T>
consteval std::size_t bytes_of() {
  std::size_t sum = 0;
  T::fields([&]<class Field>(const char*, Field T::*) { sum += Field::kBytes; });
  return sum;
}

// Plain operations make a std::variant that is never valueless, and a std::visit that needs no
// runtime: all of trace/ works in the guest.
template <class... Ops>
consteval bool all_fit(const std::variant<Ops...>*) {
  return ((std::is_trivially_copyable_v<Ops> && bytes_of<Ops>() <= kOperandBytes) && ...);
}
static_assert(all_fit(static_cast<const Op*>(nullptr)));

// A system has one apply(lane, op) for each operation, or a single one that takes any.
template <class System>
concept TakesAnyOp =
    std::same_as<decltype(&System::apply), Answer (System::*)(std::uint8_t lane, const Op& op)>;

// Checked where a system is defined: the error names the operation that lacks a handler.
template <class System, class OneOp>
consteval bool handles() {
  static_assert(
      requires(System & system, std::uint8_t lane, const OneOp& op) {
        { system.apply(lane, op) } -> std::same_as<Answer>;
      },
      "System lacks apply(lane, const OneOp&); see the template arguments in this message");
  return true;
}
template <class System, std::size_t... I>
consteval bool handles_every(std::index_sequence<I...>) {
  return (handles<System, std::variant_alternative_t<I, Op>>() && ...);
}
template <class System>
concept HandlesEveryOp = TakesAnyOp<System> ||
    handles_every<System>(std::make_index_sequence<kOpCount>{});

}  // namespace trace
