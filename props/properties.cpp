// SPDX-License-Identifier: MPL-2.0
#include "props/properties.h"

#include <algorithm>
#include <cstdlib>

#include "check/explore/concurrent.h"
#include "check/machine/memory.h"
#include "check/shrink.h"
#include "check/systems/mm.h"
#include "reference/model.h"

namespace props {

namespace {

using namespace trace;
using check::How;
using check::MmAlone;
using check::MmAtOnce;
using check::Thoroughness;
using reference::Model;

const void*& machine_user() {
  static const void* user = nullptr;
  return user;
}

// There is one machine, which keeps everything but what a reset restores; so one system of each
// sort serves all runs, and finds the machine built anew if the other sort had it last.
template <class System>
System& system_of(const Machine& shape) {
  check::machine::power_on();
  static System system;
  if (machine_user() != &system) system.rebuild(shape);
  machine_user() = &system;
  return system;
}

Judged judged(check::Run run) {
  if (run.unconfirmed) return {.steps = std::move(run.steps), .doubt = Doubt::unconfirmed};
  return {.diverged = std::move(run.diverged), .steps = std::move(run.steps)};
}

Judged agreement(Trace& trace, How how) {
  return judged(check::confirmed_run<Model>(trace, system_of<MmAlone>(trace.machine), how));
}

// Everything is compared after every step, and the model's own laws are asked.
Judged keeps_laws(Trace& trace, How how) {
  how.thoroughness = Thoroughness::thorough;
  return judged(check::confirmed_run<Model>(trace, system_of<MmAlone>(trace.machine), how));
}

// Asks something of the system that leaves all as it was. What came of it that should not have.
using Wrong = std::optional<check::Step>;

Wrong unless_answered(MmAlone& system, const Call& call, std::uint8_t lane,
                      const Answer& expected) {
  const Answer seen = system.apply(lane, call.op);
  if (seen == expected) return std::nullopt;
  return check::Step{call, expected, seen};
}

// Judges a law of the system by itself: `before` and `after` probe it around each call that is
// asked. The reference runs alongside, and only says what can be asked.
Judged probed_once(const Trace& trace, How how, const char* law, auto&& before, auto&& after) {
  MmAlone& system = system_of<MmAlone>(trace.machine);
  Model model(trace.machine);
  system.reset(trace.machine);
  check::FreeBlocks blocks;
  (void)check::begin_alike(model, system, blocks);
  Judged result;
  auto diverge = [&](std::size_t at, const char* why, const check::Step& step) {
    result.diverged = check::Divergence{check::Oracle::answer, at, why, {}, {}};
    result.steps.push_back(step);
    system.rebuild(trace.machine);
  };
  for (std::size_t at = 0; at < trace.calls.size(); ++at) {
    const Call& call = trace.calls[at];
    const std::uint8_t lane = trace.machine.lane(call.lane);
    const bool is_asked = model.allows(lane, call.op);
    if (is_asked) {
      if (const Wrong wrong = before(system, call, lane)) return diverge(at, law, *wrong), result;
    }
    const check::Step step = check::take_step(call, lane, model, system);
    if (how.tally != nullptr) how.tally->note(call.op, step.seen.reply.status);
    if (!check::is_accepted(step)) return diverge(at, check::law_of(call.op), step), result;
    if (check::asked_allocator(step, trace.machine)) {
      (void)check::adopt_blocks(model, system, blocks);
    }
    if (step.seen.reply.status == Status::aborted) {
      system.rebuild(trace.machine);
      break;
    }
    if (how.thoroughness == Thoroughness::thorough) result.steps.push_back(step);
    if (is_asked && step.seen.reply.status == Status::ok) {
      if (const Wrong wrong = after(system, call, lane)) return diverge(at, law, *wrong), result;
    }
  }
  return result;
}

// The same; what it finds is confirmed on a machine built from nothing. Only the first is tallied.
Judged probed(const Trace& trace, How how, const char* law, auto&& before, auto&& after) {
  Judged first = probed_once(trace, how, law, before, after);
  if (!first.diverged) return first;
  how.tally = nullptr;
  Judged again = probed_once(trace, how, law, before, after);
  if (!again.diverged) return {.steps = std::move(first.steps), .doubt = Doubt::unconfirmed};
  return again;
}

// POST-6: making a handle raw and taking it back is nothing: same page, same count, same metadata.
Judged round_trip(Trace& trace, How how) {
  auto before = [](MmAlone& system, const Call& call, std::uint8_t lane) -> Wrong {
    const auto* into = std::get_if<FrameIntoRaw>(&call.op);
    if (into == nullptr) return std::nullopt;
    const std::array<Op, 3> looks = {FrameCount{into->from}, FrameReadMeta{into->from},
                                     FrameUsage{into->from}};
    std::array<Answer, 3> was;
    for (std::size_t i = 0; i < looks.size(); ++i) was[i] = system.apply(lane, looks[i]);
    const Answer gone = system.apply(lane, *into);
    if (Wrong wrong =
            unless_answered(system, {call.lane, FrameFromRaw{into->to, into->from}}, lane, gone)) {
      return wrong;
    }
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (Wrong wrong = unless_answered(system, {call.lane, looks[i]}, lane, was[i])) return wrong;
    }
    return std::nullopt;
  };
  auto after = [](MmAlone&, const Call&, std::uint8_t) -> Wrong { return std::nullopt; };
  return probed(trace, how, "POST-6", before, after);
}

// What reading metadata of a kind, made with a value, must give.
Answer reading(Kind kind, std::uint64_t value) {
  Answer answer;
  answer.reply.results[0] = static_cast<std::uint64_t>(kind.name);
  for (std::size_t i = 0; i < words_of(kind.name); ++i) answer.reply.results[1 + i] = value + i;
  return answer;
}

// A typed handle reads its kind; made dynamic it is refused as every other kind, and taken as its
// own.
Wrong unless_is_of(MmAlone& system, Cpu cpu, std::uint8_t lane, Frame frame, Kind kind,
                   std::uint64_t value) {
  const Answer yes{}, no{{.status = Status::wrong_kind}, {}};
  auto look = [&](const Op& op, const Answer& expected) {
    return unless_answered(system, {cpu, op}, lane, expected);
  };
  if (Wrong wrong = look(FrameReadMeta{frame}, reading(kind, value))) return wrong;
  if (Wrong wrong = look(FrameToDyn{frame}, yes)) return wrong;
  for (std::uint8_t i = 0; i < Kind::kCount; ++i) {
    const Kind other{static_cast<KindName>(i)};
    if (other == kind) continue;
    if (Wrong wrong = look(FrameTryFrom{frame, other}, no)) return wrong;
  }
  if (Wrong wrong = look(FrameReadMeta{frame}, reading(kind, value))) return wrong;
  return look(FrameTryFrom{frame, kind}, yes);
}

// INV-7, and the laws of Repr: what was written as a kind reads back as that kind.
Judged read_back(Trace& trace, How how) {
  auto before = [](MmAlone&, const Call&, std::uint8_t) -> Wrong { return std::nullopt; };
  auto after = [](MmAlone& system, const Call& call, std::uint8_t lane) -> Wrong {
    return std::visit(
        [&]<class T>(const T& op) -> Wrong {
          if constexpr (std::is_same_v<T, FrameFromUnused> || std::is_same_v<T, AllocFrame>) {
            return unless_is_of(system, call.lane, lane, op.to, op.kind, op.value.value());
          } else if constexpr (std::is_same_v<T, UniqueFromUnused>) {
            return unless_answered(system, {call.lane, UniqueReadMeta{op.to}}, lane,
                                   reading(op.kind, op.value.value()));
          } else if constexpr (std::is_same_v<T, UniqueRepurpose>) {
            return unless_answered(system, {call.lane, UniqueReadMeta{op.from}}, lane,
                                   reading(op.kind, op.value.value()));
          }
          return std::nullopt;
        },
        call.op);
  };
  return probed(trace, how, "INV-7", before, after);
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
  if (!has_failed && !fails_otherwise && tally == nullptr) return std::nullopt;

  check::explore::ConcurrentRun run = lanes.tell();
  if (tally != nullptr) {
    for (const auto& lane : run.history) {
      for (const check::Happened& one : lane) {
        if (one.ended != check::kNever) tally->note(one.op, one.seen.reply.status);
      }
    }
  }
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

// What changes a slot where others can see it.
constexpr OpSet kMeetings =
    set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameIncRaw, FrameBorrowClone,
           FrameCount, UniqueFromUnused, UniqueRepurpose, UniqueReset, UniqueIntoShared,
           UniqueTryFromFrame, UniqueDrop, AllocFrame>();

// What makes frames, and what makes them be shared, unique and no more.
constexpr OpSet kSomeFrames =
    set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToDyn, FrameCountPreload,
           UniqueFromUnused, UniqueTryFromFrame, UniqueIntoShared, UniqueDrop, AllocFrame>();

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
     "A machine boots from any list of memory regions as the reference says.",
     {.often = kBoot, .most_ops = 60},  // It boots once.
     false,
     agreement},
    {"tables agree",
     "Page tables, cursors over them, and CPUs that translate by them do as the reference says.",
     {kTables,
      set_of<FrameFromUnused, FrameFromInUse, FrameClone, FrameDrop, FrameToUntyped, FrameCount,
             AllocFrame, AllocSegment, AllocFail, SegmentFromUnused, SegmentToUntyped,
             SegmentDrop>(),
      Shape::tables},
     false,
     agreement},
    {"everything agrees",
     "All operations together end as the reference says, and change what it says.",
     {kEveryOp - kTables, kTables},
     false,
     agreement},
    {"laws hold",
     "After every step the reference keeps all its laws, and the whole states are the same.",
     {kEveryOp - kTables, kTables},
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
    {"lanes agree",
     "Whatever lanes do at once has an order of phases in which the reference gives every answer, "
     "and leaves the same state.",
     {kMeetings, kEveryOp - kMeetings - kAskedAlone},
     true,
     lanes_agreement},
};

}  // namespace

std::span<const Property> properties() { return kProperties; }

const Property& property(std::string_view name) {
  for (const Property& one : kProperties) {
    if (name == one.name) return one;
  }
  std::abort();
}

Trace any_trace_of(const Property& property, Dice dice, std::size_t most_ops) {
  return property.at_once ? any_at_once(dice, property.subject, most_ops)
                          : any_trace(dice, property.subject, most_ops);
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
