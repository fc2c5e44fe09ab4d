// SPDX-License-Identifier: MPL-2.0
// Runs a trace's prologue alone and then its lanes at once, under a chooser; then asks whether the
// model accepts what came of it.
//
// A lane has at most one cursor, and waits for no other while it has it: that is what can be asked.
// One that may be open when the lane has nothing more to do is closed by an operation that is not
// in the trace. So every lane that waits is let go, and a deadlock is always the system's fault.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/explore/scheduler.h"
#include "check/linearize.h"
#include "check/report/report.h"
#include "check/run.h"

namespace check::explore {

enum class Verdict : std::uint8_t {
  agreed,
  prologue,   // It diverged before any lanes went at once.
  no_order,   // No order of phases explains what was seen.
  blocks,     // One does, but the allocator keeps its free pages otherwise than it should.
  deadlock,   // All lanes wait for each other.
  endless,    // They pass the limit of points.
  undecided,  // The search for an order was given up.
};

struct ConcurrentRun {
  Verdict verdict = Verdict::agreed;
  std::vector<trace::Choice> schedule{};
  std::vector<Step> prologue{};  // As far as it went.
  History history{};             // By lane; what never began says so,
  std::vector<std::vector<std::size_t>>
      call{};  // and call[lane][i] of the trace is history[lane][i]; what is added names the last.
  Facts left{};             // The state in the end, if it was judged.
  Unexplained why{};        // If there is no order, or the free blocks are wrong,
  const char* law = "";     // and then the law that says so.
  Difference difference{};  // If the prologue left it.

  bool agreed() const { return verdict == Verdict::agreed; }
};

// The lanes that may have a cursor open when all is done.
std::vector<std::uint8_t> lanes_with_cursors(const trace::Trace& trace);

// One trace on one system, ready to be run under schedule after schedule.
template <Judge M, SystemUnderTest S>
class AtOnce {
 public:
  AtOnce(const trace::Trace& trace, S& system)
      : trace_(trace), system_(system), before_(trace.machine), history_(trace.machine.cpus.count) {
    call_.resize(history_.size());
    for (std::size_t i = trace.prologue; i < trace.calls.size(); ++i) {
      const std::uint8_t lane = trace.machine.lane(trace.calls[i].lane);
      history_[lane].push_back({.op = trace.calls[i].op});
      call_[lane].push_back(i);
    }
    for (const auto& lane : history_) own_.push_back(lane.size());
    for (const std::uint8_t lane : lanes_with_cursors(trace)) {
      history_[lane].push_back({.op = trace::CursorClose{}});
      call_[lane].push_back(trace.calls.size() - 1);
    }
    for (std::uint8_t lane = 0; lane < history_.size(); ++lane) {
      bodies_.push_back([this, lane] { live(lane); });
    }
    run_prologue();
  }
  AtOnce(const AtOnce&) = delete;

  // One schedule. Cheap if all is well; the machine is left as the run left it, or rebuilt.
  Verdict run(Chooser& chooser) {
    left_.clear();
    has_run_ = false;
    if (prologue_diverged_ || has_aborted(prologue_)) return judged_prologue();
    system_.reset(trace_.machine);
    for (const Step& step : prologue_) {
      if (apply(step.call) != step.seen) return verdict_ = Verdict::prologue;
    }
    if constexpr (ShowsTables<S>) system_.go_at_once();
    has_run_ = true;
    const End end = Scheduler::run(bodies_, chooser);
    note_moments();
    if (end != End::finished) {
      system_.rebuild(trace_.machine);
      return verdict_ = end == End::deadlock ? Verdict::deadlock : Verdict::endless;
    }
    return verdict_ = judge();
  }

  // What came of the last schedule.
  ConcurrentRun tell() {
    ConcurrentRun run{.verdict = verdict_,
                      .prologue = prologue_,
                      .history = history_,
                      .call = call_,
                      .left = left_,
                      .difference = prologue_difference_};
    if (!has_run_) return run;
    run.schedule = Scheduler::schedule();
    if (verdict_ == Verdict::blocks) {
      run.why = why_blocks();
      run.law = broken_;
    }
    if (verdict_ == Verdict::no_order) {
      run.why = Linearizer<M>(history_, trace_.machine, left_)
                    .why_not_as_happened(before_, Scheduler::log());
    }
    return run;
  }

  // Counts how the operations of the last schedule ended: those of the trace.
  void note(Tally& tally) const {
    for (std::size_t lane = 0; lane < history_.size(); ++lane) {
      for (std::size_t i = 0; i < own_[lane]; ++i) {
        const Happened& one = history_[lane][i];
        if (one.ended != kNever) tally.note(one.op, one.seen.reply.status);
      }
    }
  }

  // Of all runs, how many were explained only by searching for an order.
  std::size_t searches() const { return searches_; }

 private:
  static bool has_aborted(const std::vector<Step>& steps) {
    return !steps.empty() && steps.back().seen.reply.status == trace::Status::aborted;
  }

  trace::Answer apply(const trace::Call& call) {
    return answer_of(system_, trace_.machine.lane(call.lane), call.op);
  }

  // What a lane does when it goes with the others.
  void live(std::uint8_t lane) {
    std::uint32_t which = 0;
    for (Happened& one : history_[lane]) {
      Scheduler::begin(which++);
      one.seen = answer_of(system_, lane, one.op);
      Scheduler::end();
    }
  }

  // It is the same under every schedule, so the model goes through it once.
  void run_prologue() {
    system_.reset(trace_.machine);
    (void)begin_alike(before_, system_, blocks_);
    for (std::size_t i = 0; i < trace_.prologue; ++i) {
      const trace::Call& call = trace_.calls[i];
      prologue_.push_back(take_step(call, trace_.machine.lane(call.lane), before_, system_));
      prologue_diverged_ = !is_accepted(prologue_.back());
      if (prologue_diverged_ || has_aborted(prologue_)) return;
      if (asked_allocator(prologue_.back().seen.choices, trace_.machine)) {
        (void)adopt_blocks(before_, system_, blocks_);
      }
    }
    before_.go_at_once();
    prologue_difference_ =
        difference(facts_of(before_, trace_.machine), facts_of(system_, trace_.machine));
    prologue_diverged_ = prologue_difference_ != Difference{};
  }
  Verdict judged_prologue() {
    system_.rebuild(trace_.machine);
    return verdict_ = prologue_diverged_ ? Verdict::prologue : Verdict::agreed;
  }

  void note_moments() {
    for (auto& lane : history_) {
      for (Happened& one : lane) one.began = one.ended = kNever;
    }
    std::array<std::size_t, kMostLanes> at{};
    const Log log = Scheduler::log();
    for (std::size_t moment = 0; moment < log.size(); ++moment) {
      const auto [lane, what] = log[moment];
      if (what == Moment::began) history_[lane][at[lane]].began = moment;
      if (what == Moment::ended) history_[lane][at[lane]++].ended = moment;
    }
  }

  Verdict judge() {
    bool is_aborted = false;
    for (const auto& lane : history_) {
      for (const Happened& one : lane) {
        is_aborted = is_aborted || one.seen.reply.status == trace::Status::aborted;
      }
    }
    if (!is_aborted) left_ = facts_of(system_, trace_.machine);
    Linearizer<M> linearizer(history_, trace_.machine, left_);
    Order order = Order::found;
    if (!linearizer.happened_in_order(before_, Scheduler::log())) {
      ++searches_;
      order = linearizer.finds_order(before_);
    }
    if (is_aborted) system_.rebuild(trace_.machine);  // What an abort leaves behind is not judged.
    if (order != Order::found) return order == Order::none ? Verdict::no_order : Verdict::undecided;
    if (is_aborted || !last_to_ask()) return Verdict::agreed;
    broken_ = adopt_blocks(linearizer.end(), system_, blocks_);
    return broken_ == nullptr ? Verdict::agreed : Verdict::blocks;
  }

  // The operation that asked the allocator and ended last.
  std::optional<std::pair<std::uint8_t, std::size_t>> last_to_ask() const {
    std::optional<std::pair<std::uint8_t, std::size_t>> last;
    for (std::uint8_t lane = 0; lane < history_.size(); ++lane) {
      for (std::size_t i = 0; i < history_[lane].size(); ++i) {
        const Happened& one = history_[lane][i];
        if (!asked_allocator(one.seen.choices, trace_.machine)) continue;
        if (!last || history_[last->first][last->second].ended < one.ended) last = {lane, i};
      }
    }
    return last;
  }

  Unexplained why_blocks() const {
    const auto [lane, op] = *last_to_ask();
    Unexplained why{.lane = lane, .op = op};
    why.difference.unexpected = blocks_.facts();
    return why;
  }

  const trace::Trace& trace_;
  S& system_;
  M before_;  // What the prologue leads to.
  std::vector<Step> prologue_{};
  bool prologue_diverged_ = false;
  Difference prologue_difference_{};
  FreeBlocks blocks_{};           // What the system showed last,
  const char* broken_ = nullptr;  // and the law that this breaks.
  History history_;
  std::vector<std::vector<std::size_t>> call_{};
  std::vector<std::size_t> own_{};  // How many of each lane's are the trace's.
  std::vector<std::function<void()>> bodies_{};
  Verdict verdict_ = Verdict::agreed;
  Facts left_{};
  bool has_run_ = false;  // The lanes, the last time.
  std::size_t searches_ = 0;
};

// One schedule of a trace.
template <Judge M, SystemUnderTest S>
ConcurrentRun run_at_once(const trace::Trace& trace, S& system, Chooser& chooser) {
  AtOnce<M, S> lanes(trace, system);
  lanes.run(chooser);
  return lanes.tell();
}

// How long to look. First all schedules within the bounds, up to so many; if that was not all of
// them, some are drawn.
struct Effort {
  Bounds bounds{};
  std::size_t exhaustive = 100'000;
  std::size_t random = 10'000;  // Every other one by priorities.
  std::uint64_t seed = 1;
  Tally* tally = nullptr;  // Filled if given, with what went at once.
};

struct Exploration {
  ConcurrentRun run{};         // The first that failed, confirmed; if none did, the last.
  bool has_failed = false;     // Whether one did.
  std::size_t schedules = 0;   // Tried.
  bool is_exhaustive = false;  // There are no others within the bounds.
  std::size_t searches = 0;    // Explained only by searching for an order.
  std::size_t undecided =
      0;  // Neither explained nor refuted: `run` is one of them, if none failed.
  std::size_t unconfirmed = 0;  // Failed, and did not again on a machine built from nothing.

  bool agreed() const { return !has_failed && undecided == 0 && unconfirmed == 0; }
};

// Looks for a schedule that the model does not accept. A trace that has a schedule is run under
// that one only. What failed is confirmed: the same schedule, on a machine built from nothing.
template <Judge M, SystemUnderTest S>
Exploration explore(const trace::Trace& trace, S& system, const Effort& effort = {}) {
  Exploration found;
  AtOnce<M, S> lanes(trace, system);

  // Whether to go on.
  auto try_one = [&](Chooser& chooser) {
    const Verdict verdict = lanes.run(chooser);
    ++found.schedules;
    if (effort.tally != nullptr) lanes.note(*effort.tally);
    if (verdict == Verdict::agreed) return true;
    ConcurrentRun run = lanes.tell();
    if (verdict == Verdict::undecided) {
      if (found.undecided++ == 0) found.run = std::move(run);
      return true;
    }
    system.rebuild(trace.machine);
    Replay again(run.schedule);
    ConcurrentRun confirmed = run_at_once<M>(trace, system, again);
    system.rebuild(trace.machine);
    if (confirmed.verdict != verdict) return ++found.unconfirmed, true;
    found.run = std::move(confirmed);
    found.has_failed = true;
    return false;
  };
  auto try_all = [&] {
    if (!trace.schedule.empty()) {
      Replay replay(trace.schedule);
      return try_one(replay);
    }
    Exhaustive all(effort.bounds);
    for (std::size_t i = 0; i < effort.exhaustive; ++i) {
      if (!try_one(all)) return false;
      if (!all.next()) return found.is_exhaustive = true;
    }
    Random random(effort.seed);
    Pct priorities(effort.seed);
    for (std::size_t i = 0; i < effort.random; ++i) {
      if (!try_one(i % 2 == 0 ? static_cast<Chooser&>(random) : priorities)) return false;
    }
    return true;
  };
  if (try_all() && found.undecided == 0) found.run = lanes.tell();
  found.searches = lanes.searches();
  return found;
}

// Which oracle spoke, at which call, and which law that bears on.
Divergence divergence_of(const trace::Trace& trace, const ConcurrentRun& run);

// What was asked, in the order in which it began. Where lanes went at once nothing is expected of a
// single answer (status declined), except of the one that the order of what really happened does
// not explain. What never ended has no answer: both sides are `declined`.
std::vector<Step> steps_of(const trace::Trace& trace, const ConcurrentRun& run);

// Fills in what a run that failed is about; who found it, and how, is the caller's.
template <Judge M>
void tell(const trace::Trace& trace, const ConcurrentRun& run, Report& report) {
  report.trace = trace;
  report.trace.schedule = run.schedule;
  report.diverged = divergence_of(trace, run);
  const char* const sentence = M::sentence_of(report.diverged.law.c_str());
  report.sentence = sentence == nullptr ? "" : sentence;
  report.steps = steps_of(trace, run);
}

}  // namespace check::explore
