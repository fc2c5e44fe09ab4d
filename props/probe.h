// SPDX-License-Identifier: MPL-2.0
// Laws of the system by itself: around each call of a trace it is asked for more, that leaves all
// as it was. The reference runs alongside, and only says what can be asked.
#pragma once

#include "props/properties.h"
#include "props/systems.h"
#include "reference/model.h"

namespace props {

// Something was asked of the system that should leave all as it was. What came of it that should
// not have.
using Wrong = std::optional<check::Step>;

inline Wrong unless_answered(check::AnySystem& system, const trace::Call& call, std::uint8_t lane,
                             const trace::Answer& expected) {
  const trace::Answer seen = system.apply(lane, call.op);
  if (seen == expected) return std::nullopt;
  return check::Step{call, expected, seen};
}

// What a law asks around a call: `before` it, if it can be asked, and `after` it, unless it ended
// in an abort. The model is where the system is.
struct Probe {
  check::AnySystem& system;
  const reference::Model& model;
  const trace::Call& call;
  std::uint8_t lane;
};

// `Law` has a kName, before(Probe) and after(Probe, Step), which say what is Wrong.
template <class Law>
Judged probed_once(const trace::Trace& trace, check::How how) {
  check::AnySystem& system = lone_system(trace.machine);
  reference::Model model(trace.machine);
  Law law;
  system.reset(trace.machine);
  check::FreeBlocks blocks;
  (void)check::begin_alike(model, system, blocks);
  Judged result;
  auto diverge = [&](std::size_t at, const char* why, const check::Step& step) {
    result.diverged = check::Divergence{check::Oracle::answer, at, why, {}, {}};
    result.diverged->said = check::last_words_of(system);
    result.steps.push_back(step);
    system.rebuild(trace.machine);
  };
  for (std::size_t at = 0; at < trace.calls.size(); ++at) {
    const trace::Call& call = trace.calls[at];
    const std::uint8_t lane = trace.machine.lane(call.lane);
    const bool is_asked = model.allows(lane, call.op);
    const Probe probe{system, model, call, lane};
    if (is_asked) {
      if (const Wrong wrong = law.before(probe)) return diverge(at, Law::kName, *wrong), result;
    }
    const check::Step step = check::take_step(call, lane, model, system);
    if (how.tally != nullptr) how.tally->note(call.op, step.seen.reply.status);
    if (!check::is_accepted(step)) return diverge(at, trace::law_of(call.op), step), result;
    if (check::asked_allocator(step.seen.choices, trace.machine)) {
      (void)check::adopt_blocks(model, system, blocks);
    }
    if (step.seen.reply.status == trace::Status::aborted) {
      system.rebuild(trace.machine);
      break;
    }
    if (how.thoroughness == check::Thoroughness::thorough) result.steps.push_back(step);
    if (is_asked) {
      if (const Wrong wrong = law.after(probe, step))
        return diverge(at, Law::kName, *wrong), result;
    }
  }
  return result;
}

// The same; what it finds is confirmed on a machine built from nothing. Only the first is tallied.
template <class Law>
Judged probed(trace::Trace& trace, check::How how) {
  Judged first = probed_once<Law>(trace, how);
  if (!first.diverged) return first;
  how.tally = nullptr;
  Judged again = probed_once<Law>(trace, how);
  if (!again.diverged) return {.steps = std::move(first.steps), .doubt = Doubt::unconfirmed};
  return again;
}

}  // namespace props
