// SPDX-License-Identifier: MPL-2.0
// A command line for any system under test: replay, shrink, show and convert, of files. Write
//
//   int main(int argc, char** argv) { return check::cli_main<MySystem>(argc, argv, "mine"); }
//
// and link pagetwin_cli. If lanes shall go at once too, give as second type the same system on a
// platform that announces its accesses (check/explore/platform.h).
#pragma once

#include <type_traits>
#include <utility>

#include "check/cli/app.h"
#include "check/explore/concurrent.h"
#include "check/run.h"
#include "reference/model.h"

namespace check {
namespace cli {

// How long lanes at once are explored if their schedule is not known.
inline constexpr explore::Effort kReplayEffort{.exhaustive = 20'000, .random = 2'000};
inline constexpr explore::Effort kShrinkEffort{.exhaustive = 2'000, .random = 400};

template <SystemUnderTest S>
Judgement judge_alone(const trace::Trace& trace, S& system) {
  Run run =
      confirmed_run<reference::Model>(trace, system, {.thoroughness = Thoroughness::thorough});
  Judgement judgement;
  if (run.unconfirmed) {
    judgement.undecided = "it diverged once, and not again on a machine built from nothing";
  } else if (run.agreed()) {
    judgement.steps = std::move(run.steps);
  } else {
    const char* const sentence = reference::Model::sentence_of(run.diverged->law.c_str());
    judgement.report = {.trace = trace,
                        .diverged = std::move(*run.diverged),
                        .sentence = sentence == nullptr ? "" : sentence,
                        .steps = std::move(run.steps)};
  }
  return judgement;
}

// S must be on a platform that announces its accesses (check/explore/platform.h).
template <SystemUnderTest S>
Judgement judge_at_once(const trace::Trace& trace, S& system) {
  const auto found = explore::explore<reference::Model>(trace, system, kReplayEffort);
  Judgement judgement{.schedules = found.schedules};
  if (found.has_failed) {
    explore::tell<reference::Model>(trace, found.run, judgement.report.emplace());
  } else if (found.undecided > 0) {
    judgement.undecided = "no order of what happened was found, nor that there is none";
  } else if (found.unconfirmed > 0) {
    judgement.undecided = "it diverged once, and not again on a machine built from nothing";
  }
  return judgement;
}

template <SystemUnderTest S>
bool fails_at_once(trace::Trace& trace, S& system) {
  auto is_shown_by = [&](const trace::Trace& candidate) {
    const auto found = explore::explore<reference::Model>(candidate, system, kShrinkEffort);
    if (!found.has_failed) return false;
    trace.schedule = found.run.schedule;
    return true;
  };
  if (!trace.schedule.empty() && is_shown_by(trace)) return true;
  trace::Trace unscheduled = trace;
  unscheduled.schedule.clear();
  return is_shown_by(unscheduled);
}

inline const void* machine_user = nullptr;  // The system that was judged last.

// Systems may stand on one machine: who comes after another finds it built from nothing.
template <SystemUnderTest System>
System& with_the_machine(System& system, const trace::Machine& shape) {
  if (std::exchange(machine_user, &system) != &system) system.rebuild(shape);
  return system;
}

// S runs calls that go alone; E, if it is not void, those that go at once. Both are made when they
// are first needed: a simulated machine is large.
template <SystemUnderTest S, class E>
Subject subject_of(std::string name) {
  auto alone = [](const trace::Machine& shape) -> S& {
    static S system;
    return with_the_machine(system, shape);
  };
  constexpr bool kCanGoAtOnce = !std::is_void_v<E>;
  auto at_once = [](const trace::Machine& shape, auto&& use) {
    if constexpr (kCanGoAtOnce) {
      static E system;
      return use(with_the_machine(system, shape));
    }
  };
  Subject subject{.name = std::move(name)};
  subject.judge = [=](const trace::Trace& trace) -> Judgement {
    if (!trace.at_once) return judge_alone(trace, alone(trace.machine));
    if constexpr (kCanGoAtOnce) {
      return at_once(trace.machine, [&](auto& system) { return judge_at_once(trace, system); });
    } else {
      return {.undecided = "this system cannot run lanes at once"};
    }
  };
  subject.fails = [=](trace::Trace& trace) -> bool {
    if (!trace.at_once) return !run<reference::Model>(trace, alone(trace.machine)).agreed();
    if constexpr (kCanGoAtOnce) {
      return at_once(trace.machine, [&](auto& system) { return fails_at_once(trace, system); });
    } else {
      return false;
    }
  };
  subject.sentence_of = [](const std::string& law) {
    return reference::Model::sentence_of(law.c_str());
  };
  return subject;
}

}  // namespace cli

template <SystemUnderTest S, class AtOnce = void>
int cli_main(int argc, char** argv, std::string name, const cli::MoreVerbs& more = {}) {
  const cli::Subject subject = cli::subject_of<S, AtOnce>(std::move(name));
  return cli::run_app(argc, argv, {&subject, 1}, more);
}

}  // namespace check
