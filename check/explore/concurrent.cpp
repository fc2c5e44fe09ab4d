// SPDX-License-Identifier: MPL-2.0
#include "check/explore/concurrent.h"

#include <algorithm>
#include <utility>

namespace check::explore {
namespace {

constexpr trace::Answer kNoAnswer{{.status = trace::Status::declined}, {}};

// The call at which the first lane stands that has begun an operation and not ended it.
std::size_t first_unended(const ConcurrentRun& run) {
  std::pair<std::size_t, std::size_t> first{kNever, 0};  // When it began, and which it is.
  for (std::size_t lane = 0; lane < run.history.size(); ++lane) {
    for (std::size_t i = 0; i < run.history[lane].size(); ++i) {
      const Happened& one = run.history[lane][i];
      if (one.ended == kNever) first = std::min(first, {one.began, run.call[lane][i]});
    }
  }
  return first.second;
}

}  // namespace

std::vector<std::uint8_t> lanes_with_cursors(const trace::Trace& trace) {
  std::array<bool, kMostLanes> has{};
  for (const trace::Call& call : trace.calls) {
    const bool opens = std::holds_alternative<trace::CursorOpen>(call.op);
    const bool closes = std::holds_alternative<trace::CursorClose>(call.op);
    if (opens || closes) has[trace.machine.lane(call.lane)] = opens;
  }
  std::vector<std::uint8_t> lanes;
  for (std::uint8_t lane = 0; lane < kMostLanes; ++lane) {
    if (has[lane]) lanes.push_back(lane);
  }
  return lanes;
}

Divergence divergence_of(const trace::Trace& trace, const ConcurrentRun& run) {
  Divergence diverged;
  switch (run.verdict) {
    case Verdict::agreed:
    case Verdict::undecided: return diverged;
    case Verdict::prologue: {
      diverged.step = run.prologue.empty() ? 0 : run.prologue.size() - 1;
      diverged.missing = run.difference.missing;
      diverged.unexpected = run.difference.unexpected;
      diverged.oracle = run.difference == Difference{} ? Oracle::answer : Oracle::state;
      break;
    }
    case Verdict::deadlock:
    case Verdict::endless:
      diverged.oracle = run.verdict == Verdict::deadlock ? Oracle::deadlock : Oracle::endless;
      diverged.step = first_unended(run);
      break;
    case Verdict::no_order:
    case Verdict::blocks:
      diverged.oracle = run.verdict == Verdict::blocks ? Oracle::state : Oracle::no_order;
      diverged.step = run.call[run.why.lane][run.why.op];
      diverged.missing = run.why.difference.missing;
      diverged.unexpected = run.why.difference.unexpected;
      break;
  }
  if (run.verdict == Verdict::blocks) {
    diverged.law = run.law;
  } else if (diverged.step < trace.calls.size()) {
    const trace::Op& op = trace.calls[diverged.step].op;
    const Difference difference{diverged.missing, diverged.unexpected};
    diverged.law = difference == Difference{} ? law_of(op) : law_of(difference, op);
  }
  return diverged;
}

std::vector<Step> steps_of(const trace::Trace& trace, const ConcurrentRun& run) {
  std::vector<Step> steps;
  for (const Step& step : run.prologue) {
    if (step.seen.reply.status != trace::Status::passed_over || !is_accepted(step)) {
      steps.push_back(step);
    }
  }
  std::vector<std::pair<std::size_t, Step>> at_once;  // With when it began.
  for (std::uint8_t lane = 0; lane < run.history.size(); ++lane) {
    for (std::size_t i = 0; i < run.history[lane].size(); ++i) {
      const Happened& one = run.history[lane][i];
      if (one.began == kNever) continue;
      const bool has_ended = one.ended != kNever;
      const bool is_unexplained = run.verdict == Verdict::no_order && run.why.is_answer &&
                                  run.why.lane == lane && run.why.op == i;
      if (has_ended && one.seen.reply.status == trace::Status::passed_over && !is_unexplained) {
        continue;
      }
      at_once.push_back({one.began,
                         {.call = {trace.calls[run.call[lane][i]].lane, one.op},
                          .expected = is_unexplained ? run.why.expected : kNoAnswer,
                          .seen = has_ended ? one.seen : kNoAnswer}});
    }
  }
  std::ranges::sort(at_once, {}, [](const auto& one) { return one.first; });
  for (auto& [began, step] : at_once) steps.push_back(std::move(step));
  return steps;
}

}  // namespace check::explore
