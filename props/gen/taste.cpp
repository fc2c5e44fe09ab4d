// SPDX-License-Identifier: MPL-2.0
#include "props/gen/taste.h"

#include <algorithm>

namespace props {

trace::Machine any_machine(Dice& dice, Shape shape) {
  constexpr std::uint16_t kMost = trace::Machine::kMostPages;
  const bool is_usual = !dice.one_in(4);
  std::uint32_t pages = is_usual ? dice.between(2, 8) : dice.between(2, kMost);
  std::uint32_t loose = dice.between(1, pages - 1);
  if (is_usual && shape == Shape::loose) {
    pages = dice.between(6, 20);
    loose = dice.between(pages / 2, pages - 1);
  } else if (is_usual && shape == Shape::free) {
    loose = dice.between(1, 4);
    pages = loose + (dice.one_in(4) ? dice.between(1, 8) : dice.between(8, kMost - 4));
  }
  const bool has_spaces = shape == Shape::spaces;
  const bool has_tables =
      has_spaces || shape == Shape::tables || dice.one_in(shape == Shape::small ? 12 : 64);
  if (has_tables) {
    loose = dice.between(1, 6);
    pages = loose + (dice.one_in(3) ? dice.between(8, 24) : dice.between(24, kMost - 8));
  }
  trace::Machine machine;
  machine.pages.raw = static_cast<std::uint16_t>(pages);
  machine.loose.raw = static_cast<std::uint16_t>(loose);
  if (has_tables) {
    machine.tables.count = static_cast<std::uint8_t>(dice.one_in(has_spaces ? 32 : 4)
                                                         ? dice.below(trace::TableCount::kMost + 1u)
                                                         : trace::TableCount::kMost);
  }
  machine.cpus.count = dice.one_in(has_spaces ? 6 : 2)
                           ? std::uint8_t{1}
                           : static_cast<std::uint8_t>(dice.between(2, trace::Cpu::kMost));
  machine.settle();  // Its tables may want more pages.
  return machine;
}

trace::Kind any_kind(Dice& dice) {
  return {static_cast<trace::KindName>(dice.below(trace::Kind::kCount))};
}

namespace {

// Of a subject with many families, those that one trace keeps to: frames, and some of the rest.
OpSet some_families(Dice& dice, OpSet all) {
  constexpr std::array kMore = {kSegments, kLists,  kAlloc,           kBytes,
                                kBoot,     kTables, kTables | kUsers, kTables | kAreas};
  OpSet some = all & (kFrames | kUniques);
  bool has_any = false;
  for (const OpSet& one : kMore) {
    if (!dice.one_in(3)) continue;
    some = some | (all & one);
    has_any = true;
  }
  return has_any ? some : some | (all & kMore[dice.below(kMore.size())]);
}

// Of those that something is made of, if the trace is about that.
trace::Kind liked_kind(Dice& dice, OpSet liked) {
  if (liked.has_all(set_of<trace::ListPushBack>()) && !dice.one_in(3)) {
    return trace::list_kind({static_cast<std::uint8_t>(dice.below(trace::List::kCount))});
  }
  if ((liked & set_of<trace::BytesWrite, trace::CursorMapFrame>()) != OpSet{} && !dice.one_in(3)) {
    return {dice.one_in(3) ? trace::KindName::link_empty : trace::KindName::empty};
  }
  return any_kind(dice);
}

// Places where tables of a kind begin and end, and where their levels do.
std::array<std::uint8_t, 3> some_homes(Dice& dice, trace::TableKindName kind) {
  constexpr std::array<std::uint8_t, 9> kLower = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  constexpr std::array<std::uint8_t, 10> kUpper = {10, 11, 12, 13, 14, 15, 16, 17, 18, 22};
  constexpr std::array<std::uint8_t, 6> kWide = {0, 1, 3, 6, 20, 21};
  std::array<std::uint8_t, 3> homes{};
  for (std::uint8_t& home : homes) {
    switch (kind) {
      case trace::TableKindName::user:
      case trace::TableKindName::space:
      case trace::TableKindName::plain: home = kLower[dice.below(kLower.size())]; break;
      case trace::TableKindName::plain5: home = kWide[dice.below(kWide.size())]; break;
      case trace::TableKindName::kernel: home = kUpper[dice.below(kUpper.size())]; break;
    }
  }
  return homes;
}

}  // namespace

Taste any_taste(Dice& dice, const trace::Machine& machine, const Subject& subject) {
  const OpSet liked =
      subject.all() == kEveryOp ? some_families(dice, subject.all()) : subject.all();
  Taste taste;
  for (std::size_t i = 0; i < trace::kOpCount; ++i) {
    if (!liked.has(i) || dice.one_in(5)) continue;
    const std::uint32_t weight = 1u << dice.below(6);
    taste.weights[i] = subject.often.has(i) ? 4 * weight : weight;
  }
  auto add = [&](OpSet ops, std::uint32_t weight) {
    for (std::size_t i = 0; i < trace::kOpCount; ++i) {
      if (ops.has(i) && liked.has(i)) taste.weights[i] += weight;
    }
  };
  // Without operations that make something there is nothing to ask of; and a machine boots by all
  // of its steps, or not far.
  constexpr std::size_t kMake = trace::kIndexOf<trace::FrameFromUnused>;
  if (taste.weights[kMake] == 0 || dice.one_in(2)) add(set_of<trace::FrameFromUnused>(), 16);
  add(set_of<trace::SegmentFromUnused, trace::AllocBlock, trace::BootAddRegion,
             trace::BootNormalise, trace::BootEarlyInit, trace::BootInitMeta>(),
      16);
  if (liked.has_all(kAlloc)) {
    add(set_of<trace::AllocGiveBlock, trace::SegmentDrop, trace::FrameDrop>(), 64);
  }
  if (liked.has_all(kBytes)) {
    add(set_of<trace::FrameToUntyped>(), 128);
    add(set_of<trace::SegmentToUntyped>(), 64);
  }
  if (liked.has_all(kTables)) {
    // Much is mapped, looked at from every side, and little of it taken out.
    add(set_of<trace::CursorOpen, trace::CursorMapRaw, trace::CursorMapRun, trace::CursorJump>(),
        128);
    add(set_of<trace::CursorMapFrame, trace::CursorQuery, trace::CursorFindNext,
               trace::CursorProtectNext, trace::CpuTouch, trace::TableWalk,
               trace::FrameToUntyped>(),
        48);
    add(set_of<trace::CursorClose, trace::TableActivate, trace::Quiesce>(), 8);
  }
  if (subject.shape == Shape::spaces) {
    add(kTlb | set_of<trace::TableActivate, trace::CpuInterrupt, trace::CursorUnmap,
                      trace::CursorProtect, trace::CursorClose>(),
        16);
    add(set_of<trace::Quiesce, trace::CpuTouch>(), 48);
  }
  if (liked.has_all(kLists)) {
    add(set_of<trace::UniqueFromUnused, trace::ListPushFront, trace::ListPushBack>(), 64);
  }
  // What ends much at once, or lets nothing happen, comes seldom.
  constexpr OpSet kSeldom =
      set_of<trace::ListDrop, trace::AllocFail, trace::TableNew, trace::TableCopy, trace::TableDrop,
             trace::CursorUnmap, trace::CursorTakeNext, trace::CpuControl, trace::CpuFlushPage,
             trace::CpuFlushAll>();
  const std::uint32_t seldom = subject.shape == Shape::spaces ? 16 : 8;
  for (std::size_t i = 0; i < trace::kOpCount; ++i) {
    if (kSeldom.has(i)) taste.weights[i] = std::min(taste.weights[i], seldom);
  }
  // Counts near their limit end a trace soon: seldom, and then with all that counts up.
  constexpr std::size_t kPreload = trace::kIndexOf<trace::FrameCountPreload>;
  taste.nears_limit = liked.has(kPreload) && dice.one_in(8);
  if (taste.nears_limit) {
    add(set_of<trace::FrameCountPreload, trace::FrameClone, trace::FrameFromInUse,
               trace::FrameBorrowClone, trace::FrameIntoRaw, trace::FrameIncRaw,
               trace::SegmentClone, trace::SegmentSlice, trace::SegmentFromFrame>(),
        32);
  } else if (!dice.one_in(4)) {
    taste.weights[kPreload] = 0;
  }
  for (const std::uint32_t weight : taste.weights) taste.sum += weight;
  if (taste.sum == 0) taste.weigh_only(subject.often);

  taste.likes_spaces = subject.shape == Shape::spaces ? !dice.one_in(8) : dice.one_in(4);
  taste.likes_areas = liked.has_all(kAreas);
  for (std::size_t kind = 0; kind < taste.homes.size(); ++kind) {
    taste.homes[kind] = some_homes(dice, static_cast<trace::TableKindName>(kind));
  }
  for (trace::Kind& kind : taste.kinds) kind = liked_kind(dice, liked);
  taste.pages = static_cast<std::uint16_t>(
      dice.one_in(2) ? std::uint32_t{machine.loose.raw}
                     : dice.between(1, std::min<std::size_t>(3, machine.loose.raw)));
  taste.stays = static_cast<std::uint8_t>(1u << dice.below(6));
  if (!dice.one_in(3)) taste.scenes = liked;
  return taste;
}

}  // namespace props
