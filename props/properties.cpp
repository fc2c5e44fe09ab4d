// SPDX-License-Identifier: MPL-2.0
#include "props/properties.h"

#include <algorithm>
#include <cstdlib>

#include "check/explore/concurrent.h"
#include "check/shrink.h"
#include "props/probes.h"
#include "props/systems.h"
#include "reference/model.h"

namespace props {

namespace {

using namespace trace;
using check::How;
using check::MmAtOnce;
using check::Thoroughness;
using reference::Model;

Judged judged(check::Run run) {
  if (run.unconfirmed) return {.steps = std::move(run.steps), .doubt = Doubt::unconfirmed};
  return {.diverged = std::move(run.diverged), .steps = std::move(run.steps)};
}

Judged agreement(Trace& trace, How how) {
  return judged(check::confirmed_run<Model>(trace, lone_system(trace.machine), how));
}

// Everything is compared after every step, and the model's own laws are asked.
Judged keeps_laws(Trace& trace, How how) {
  how.thoroughness = Thoroughness::thorough;
  return judged(check::confirmed_run<Model>(trace, lone_system(trace.machine), how));
}

// How many schedules of a trace are tried: few of many traces find more than many of few. A trace
// that is known to have failed is worth more: it is being shrunk.
constexpr std::size_t kSchedules = 12;
constexpr std::size_t kSchedulesOfFailed = 400;

using Lanes = check::explore::AtOnce<Model, MmAtOnce>;
using check::explore::Verdict;

// Whether the trace fails under a schedule, also on a machine built from nothing. What cannot be
// said is noted in `doubt`.
std::optional<Judged> failure(Trace& trace, Lanes& lanes, check::explore::Chooser& chooser,
                              check::Tally* tally, Doubt& doubt) {
  const Verdict verdict = lanes.run(chooser);
  if (verdict == Verdict::undecided) doubt = std::max(doubt, Doubt::undecided);
  const bool has_failed = verdict != Verdict::agreed && verdict != Verdict::undecided;
  const bool fails_otherwise = other_oracle != nullptr && other_oracle();
  if (tally != nullptr) lanes.note(*tally);
  if (!has_failed && !fails_otherwise) return std::nullopt;

  check::explore::ConcurrentRun run = lanes.tell();
  if (fails_otherwise) {
    trace.schedule = run.schedule;
    return Judged{.diverged = check::Divergence{}, .steps = check::explore::steps_of(trace, run)};
  }
  if (!has_failed) return std::nullopt;
  MmAtOnce& system = system_of<MmAtOnce>(trace.machine);
  system.rebuild(trace.machine);
  check::explore::Replay again(run.schedule);
  auto confirmed = check::explore::run_at_once<Model>(trace, system, again);
  system.rebuild(trace.machine);
  if (confirmed.verdict != verdict) {
    doubt = Doubt::unconfirmed;
    return std::nullopt;
  }
  trace.schedule = confirmed.schedule;
  return Judged{.diverged = check::explore::divergence_of(trace, confirmed),
                .steps = check::explore::steps_of(trace, confirmed)};
}

Judged lanes_agreement(Trace& trace, How how) {
  if (!trace.at_once) return agreement(trace, how);  // Shrunk to where no lanes are needed.
  const bool has_failed = !trace.schedule.empty();
  Lanes lanes(trace, system_of<MmAtOnce>(trace.machine));
  Doubt doubt = Doubt::none;
  if (has_failed) {
    check::explore::Replay same(trace.schedule);
    if (auto failed = failure(trace, lanes, same, how.tally, doubt)) return std::move(*failed);
    check::explore::Exhaustive few({.preemptions = 2});
    for (std::size_t i = 0; i < kSchedulesOfFailed; ++i) {
      if (auto failed = failure(trace, lanes, few, how.tally, doubt)) return std::move(*failed);
      if (!few.next()) break;
    }
  }
  const std::uint64_t seed = check::hash_of(trace);
  check::explore::Random random(seed);
  check::explore::Pct priorities(seed);
  for (std::size_t i = 0; i < kSchedules; ++i) {
    check::explore::Chooser& chooser = i % 2 == 0
                                           ? static_cast<check::explore::Chooser&>(random)
                                           : static_cast<check::explore::Chooser&>(priorities);
    if (auto failed = failure(trace, lanes, chooser, how.tally, doubt)) return std::move(*failed);
  }
  return {.doubt = doubt};
}

Judged tables_agreement(Trace& trace, How how);

// What changes a slot where others can see it.
constexpr OpSet kMeetings =
    set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameIncRaw, FrameBorrowClone,
           FrameCount, UniqueFromUnused, UniqueRepurpose, UniqueReset, UniqueIntoShared,
           UniqueTryFromFrame, UniqueDrop, AllocFrame>();

// What makes frames, and what makes them be shared, unique and no more.
constexpr OpSet kSomeFrames =
    set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToDyn, FrameCountPreload,
           UniqueFromUnused, UniqueTryFromFrame, UniqueIntoShared, UniqueDrop, AllocFrame>();

// What lanes ask at once of tables, and of the frames that are mapped. Not to map a run: that may
// be thousands of pages, and each is a point where others may go.
constexpr Subject kOverTables{
    .often = kTables - kTlb - set_of<CursorMapRun, CursorMapSegment, CpuInterrupt>(),
    .also = set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameCount,
                   FrameToUntyped, AllocFrame, AllocFail>(),
    .shape = Shape::tables};

// Each of these takes long: seldom, where all are asked.
constexpr OpSet kLong = kTables | kUsers | kAreas;

constexpr Property kProperties[] = {
    {"frames agree",
     "Every operation on shared frames ends as the reference says, and changes what it says.",
     {kFrames, set_of<UniqueFromUnused, UniqueTryFromFrame, UniqueIntoShared, UniqueDrop>()},
     false,
     agreement},
    {"unique frames agree",
     "Every operation on unique frames ends as the reference says, and changes what it says.",
     {kUniques, set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToDyn,
                       FrameReadMeta, AllocFrame>()},
     false,
     agreement},
    {"segments agree",
     "Every operation on segments ends as the reference says, and changes what it says.",
     {kSegments, kSomeFrames | set_of<FrameCount, FrameToUntyped, AllocSegment>(), Shape::loose},
     false,
     agreement},
    {"lists agree",
     "Lists of frames, and cursors in them, end as the reference says, and are linked as it says.",
     {kLists, kSomeFrames | set_of<UniqueReadMeta, UniqueToDyn, UniqueRepurpose>(), Shape::loose},
     false,
     agreement},
    {"bytes agree",
     "What is read and written of the bytes of frames and segments is what the reference says.",
     {kBytes, set_of<FrameFromUnused, FrameToUntyped, FrameDrop, FrameClone, SegmentFromUnused,
                     SegmentToUntyped, SegmentSplit, SegmentSlice, SegmentDrop, UniqueFromUnused,
                     UniqueIntoShared, AllocFrame, AllocSegment>()},
     false,
     agreement},
    {"alloc agrees",
     "What the allocator hands out was free and becomes free again, and it refuses only what it "
     "lacks.",
     {kAlloc,
      set_of<FrameClone, FrameDrop, FrameFromInUse, FrameIntoRaw, FrameFromRaw, FrameToDyn,
             UniqueTryFromFrame, UniqueRepurpose, UniqueDrop, SegmentSlice, SegmentSplit,
             SegmentNext, SegmentDrop, ListPushBack, ListPopFront, ListCursorFront, ListTakeCurrent,
             ListMoveNext, ListCursorClose, ListDrop>(),
      Shape::free},
     false,
     agreement},
    {"boot agrees",
     "A machine boots from any list of memory regions, and by the firmware's page table, as the "
     "reference says.",
     {.often = kBoot, .most_ops = 60},  // It boots once.
     false,
     agreement},
    {"tables agree",
     "Page tables, cursors over them, and CPUs that translate by them do as the reference says.",
     {kTables,
      set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToUntyped, FrameCount,
             FrameCountPreload, AllocFrame, AllocSegment, AllocFail, SegmentFromUnused,
             SegmentToUntyped, SegmentDrop>(),
      Shape::tables},
     false,
     agreement},
    {"spaces agree",
     "Address spaces, users' memory and copies do as the reference says, and so does what CPUs are "
     "told to forget of them.",
     {(kTables | kUsers) - set_of<CursorTakeNext>(),
      set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToUntyped, FrameCount,
             AllocFrame, AllocSegment, AllocFail, SegmentFromUnused, SegmentToUntyped, SegmentDrop,
             CursorTakeNext, BytesWrite, BytesRead, BytesFillZeros>(),
      Shape::spaces},
     false,
     agreement},
    {"areas agree",
     "Areas of the kernel's addresses do as the reference says, and no CPU keeps what was there.",
     {kAreas,
      set_of<FrameFromUnused, FrameDrop, FrameCount, AllocFrame, AllocSegment, AllocFail,
             SegmentFromUnused, SegmentSplit, SegmentDrop, TableActivate, TableWalk, CpuTouch,
             CpuFlushAll, CpuFlushPage, CpuInterrupt, Quiesce, CursorOpen, CursorQuery, CursorJump,
             CursorFindNext, CursorClose, CursorUnmap>(),
      Shape::tables},
     false,
     agreement},
    {"touches agree",
     "What CPUs have touched, and what is changed then, they find as the reference says when they "
     "touch it again.",
     {set_of<TableActivate, CpuTouch, CpuFlushPage, CpuFlushAll, CpuInterrupt, TlbDispatch,
             TlbSync>(),
      (kTables - set_of<CursorTakeNext>()) | set_of<AllocFrame, FrameToUntyped>(), Shape::touched,
      24},
     false,
     agreement},
    {"everything agrees",
     "All operations together end as the reference says, and change what it says.",
     {kEveryOp - kLong, kLong},
     false,
     agreement},
    {"laws hold",
     "After every step the reference keeps all its laws, and the whole states are the same.",
     {kEveryOp - kLong, kLong},
     false,
     keeps_laws},
    {"laws hold over tables",
     "The same of what the kernel maps for itself, and of copies of spaces.",
     {kAreas | set_of<SpaceFork>(),
      set_of<FrameFromUnused, AllocFail, SegmentFromUnused, TableActivate, CpuTouch, CpuInterrupt,
             Quiesce, CursorOpen, CursorMapFrame, CursorClose>(),
      Shape::tables, 24},
     false,
     keeps_laws},
    {"raw round trip",
     "A handle made raw and taken back is the same handle: same page, same count, same metadata.",
     {set_of<FrameIntoRaw, FrameFromRaw, FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop,
             FrameIncRaw>(),
      set_of<AllocFrame, FrameToDyn, FrameTryFrom, FrameToUntyped, FrameBorrowClone,
             FrameCountPreload, UniqueFromUnused, UniqueIntoShared, UniqueTryFromFrame,
             UniqueDrop>()},
     false,
     round_trip},
    {"kinds read back",
     "What was written as a kind reads back as that kind, and is refused as every other.",
     {set_of<FrameFromUnused, UniqueFromUnused, UniqueRepurpose, AllocFrame>(),
      set_of<FrameDrop, FrameClone, FrameFromInUse, UniqueDrop, UniqueReset, UniqueWriteMeta,
             UniqueIntoShared, UniqueTryFromFrame>()},
     false,
     read_back},
    {"mapped and taken",
     "What is mapped is found, comes out as it went in, and can be mapped again.",
     {set_of<CursorOpen, CursorClose, CursorMapRaw, CursorMapFrame, CursorJump>(),
      (kTables - kCpus) | set_of<FrameFromUnused, FrameToUntyped, FrameDrop, AllocFrame>(),
      Shape::tables},
     false,
     mapped_and_taken},
    {"neighbours stay",
     "A cursor changes nothing outside of where it goes, and what it splits is found where it was.",
     {kCursors,
      (kTables - kCpus) | set_of<FrameFromUnused, FrameToUntyped, FrameDrop, AllocFrame,
                                 AllocSegment, SegmentToUntyped, AllocFail>(),
      Shape::tables},
     false,
     neighbours_stay},
    {"lanes agree",
     "Whatever lanes do at once has an order of phases in which the reference gives every answer, "
     "and leaves the same state.",
     {kMeetings, kEveryOp - kMeetings - kAskedAlone},
     true,
     lanes_agreement},
    {"lanes over tables agree",
     "The same of page tables, cursors over them, CPUs that translate by them, and grace periods.",
     kOverTables, true, tables_agreement},
};

// Shrunk beyond what can be judged, it shows nothing.
Judged tables_agreement(Trace& trace, How how) {
  return can_go_over_tables(trace, kOverTables) ? lanes_agreement(trace, how) : Judged{};
}

}  // namespace

std::span<const Property> properties() { return kProperties; }

const Property& property(std::string_view name) {
  for (const Property& one : kProperties) {
    if (name == one.name) return one;
  }
  std::abort();
}

Trace any_trace_of(const Property& property, Dice dice, std::size_t most_ops) {
  const Shape shape = property.subject.shape;
  if (shape == Shape::touched) return any_touched(dice, property.subject, most_ops);
  if (!property.at_once) return any_trace(dice, property.subject, most_ops);
  return shape == Shape::tables ? any_at_once_over_tables(dice, property.subject, most_ops)
                                : any_at_once(dice, property.subject, most_ops);
}

Trace trace_of(const Property& property, std::uint64_t seed, std::uint64_t number,
               std::size_t most_ops) {
  std::uint64_t key = seed;
  for (const char* letter = property.name; *letter != '\0'; ++letter) {
    key = mixed(key ^ static_cast<std::uint8_t>(*letter));
  }
  const Dice dice(mixed(key) + number);
  const std::size_t size = std::max<std::size_t>(1, most_ops * (number % 100 + 1) / 100);
  return any_trace_of(property, dice, size);
}

Judged judge_again(const Property& property, Trace& trace, check::How how) {
  // A turn that means nothing: there is a schedule to go by.
  if (trace.at_once && trace.schedule.empty()) trace.schedule.push_back({});
  return property.judge(trace, how);
}

std::vector<check::Outcome> outcomes_of(const Property& property) {
  std::vector<check::Outcome> outcomes;
  for (const check::Outcome& one : check::missing_outcomes({}, property.at_once)) {
    if (property.subject.often.has(one.op)) outcomes.push_back(one);
  }
  return outcomes;
}

}  // namespace props
