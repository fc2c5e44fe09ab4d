// SPDX-License-Identifier: MPL-2.0
// How fast the checks are: each figure the best of several runs. Not a test; run it in the release
// build.
#include <chrono>
#include <cstdio>

#include "check/explore/concurrent.h"
#include "check/shrink.h"
#include "check/systems/mm.h"
#include "props/properties.h"
#include "reference/model.h"

namespace {

using reference::Model;
using trace::Trace;
using Bytes = std::vector<std::uint8_t>;

constexpr int kRuns = 5;

double seconds(auto&& work) {
  double best = 1e9;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const auto end = std::chrono::steady_clock::now();
    best = std::min(best, std::chrono::duration<double>(end - start).count());
  }
  return best;
}

double million(double count, double time) { return count / time / 1e6; }

// One property: with generation and decoding, alone and checked.
void rate(const props::Property& property, check::MmAlone& system) {
  constexpr std::uint64_t kTraces = 400;
  constexpr std::size_t kOps = 200;
  std::vector<Trace> traces;
  std::vector<Bytes> encoded;
  for (std::uint64_t i = 0; i < kTraces; ++i) {
    traces.push_back(props::trace_of(property, 1, i, kOps));
    encoded.push_back(trace::encode(traces.back()));
  }
  check::Tally tally;
  for (const Trace& one : traces) check::run<Model>(one, system, {.tally = &tally});
  const auto asked = static_cast<double>(tally.asked());
  const double share = 100 * asked / (asked + static_cast<double>(tally.passed_over()));

  auto apply_all = [&](const Trace& one) {
    system.reset(one.machine);
    for (const trace::Call& call : one.calls) {
      (void)system.apply(one.machine.lane(call.lane), call.op);
    }
  };
  const double generating = seconds([&] {
    for (std::uint64_t i = 0; i < kTraces; ++i) (void)props::trace_of(property, 1, i, kOps);
  });
  const double decoding = seconds([&] {
    for (const Bytes& bytes : encoded) (void)trace::decode(bytes);
  });
  const double alone = seconds([&] {
    for (const Trace& one : traces) apply_all(one);
  });
  const double checked = seconds([&] {
    for (const Trace& one : traces) check::run<Model>(one, system);
  });
  // The full state after every operation: a tenth of the traces is enough.
  traces.resize(kTraces / 10);
  check::Tally of_a_tenth;
  for (const Trace& one : traces) check::run<Model>(one, system, {.tally = &of_a_tenth});
  const double thorough = seconds([&] {
    for (const Trace& one : traces) {
      check::run<Model>(one, system, {.thoroughness = check::Thoroughness::thorough});
    }
  });
  const double made = generating + decoding;
  std::printf(
      "%-20s %5.2f M checked operations/s; %3.0f ns alone, %4.0f ns checked: %4.1f times; "
      "with generation (%3.0f ns) and decoding (%2.0f ns) %3.1f times; %4.1f %% asked; "
      "thorough %4.2f M/s\n",
      property.name, million(asked, checked), alone / asked * 1e9, checked / asked * 1e9,
      checked / alone, generating / asked * 1e9, decoding / asked * 1e9,
      (made + checked) / (made + alone), share,
      million(static_cast<double>(of_a_tenth.asked()), thorough));
}

void rate_reset(check::MmAlone& system) {
  constexpr int kResets = 200'000;
  const trace::Machine shape{};
  system.reset(shape);
  const double both = seconds([&] {
    for (int i = 0; i < kResets; ++i) {
      (void)system.apply(0, trace::FrameFromUnused{});
      system.reset(shape);
    }
  });
  const double operation = seconds([&] {
    for (int i = 0; i < kResets / 2; ++i) {
      (void)system.apply(0, trace::FrameFromUnused{});
      (void)system.apply(0, trace::FrameDrop{});
    }
  });
  std::printf("reset after one operation: %.0f ns (an operation: %.0f ns)\n",
              (both - operation) / kResets * 1e9, operation / kResets * 1e9);
}

void rate_schedules(const char* what, const Trace& both) {
  check::MmAtOnce system;
  constexpr int kSchedules = 20'000;
  system.rebuild(both.machine);
  const double time = seconds([&] {
    check::explore::Random chooser(1);
    check::explore::AtOnce<Model, check::MmAtOnce> lanes(both, system);
    for (int i = 0; i < kSchedules; ++i) (void)lanes.run(chooser);
  });
  std::printf("schedules: %.0f k judged a second, of 2 lanes %s\n", kSchedules / time / 1e3, what);
}

Trace at_once(trace::Machine machine, std::uint32_t prologue, std::vector<trace::Call> calls) {
  return {
      .machine = machine, .at_once = true, .prologue = prologue, .calls = calls, .schedule = {}};
}

void rate_schedules() {
  rate_schedules("over a frame", at_once({.pages = {2}, .loose = {1}, .cpus = {2}}, 1,
                                         {{{0}, trace::FrameFromUnused{}},
                                          {{0}, trace::FrameDrop{}},
                                          {{1}, trace::FrameFromInUse{}},
                                          {{1}, trace::FrameDrop{}}}));
  // Each opens a cursor over the same page of one table, maps it if it can, and closes.
  std::vector<trace::Call> calls;
  const trace::CursorOpen open{.table = {trace::Table::kFirstShared + 2},
                               .begin = {},
                               .end = {.page = 1},
                               .may_change = {1}};
  for (const std::uint8_t lane : {0, 1}) {
    calls.push_back({{lane}, open});
    calls.push_back({{lane}, trace::CursorMapRaw{.at = {}, .level = {1}, .property = {}}});
    calls.push_back({{lane}, trace::CursorClose{}});
  }
  rate_schedules("over a page table",
                 at_once({.pages = {16}, .loose = {1}, .cpus = {2}, .tables = {3}}, 0, calls));
}

// A thousand operations of which ten matter, whichever they are.
void rate_shrinking() {
  const props::Property& property = props::property("everything agrees");
  std::size_t most = 0, sum = 0;
  double time = 0;
  constexpr std::uint64_t kCases = 10;
  for (std::uint64_t number = 0; number < kCases; ++number) {
    props::Dice dice(number);
    Trace trace;
    for (std::uint64_t i = 0; trace.calls.size() < 1000; ++i) {
      const Trace more = props::trace_of(property, number, i, 1000);
      trace.calls.insert(trace.calls.end(), more.calls.begin(), more.calls.end());
    }
    trace.calls.resize(1000);
    // The ten are marked by a value that no other operation has, and that must stay.
    constexpr std::uint16_t kFirst = 0xf000;
    for (std::uint16_t i = 0; i < 10; ++i) {
      trace.calls[i * 100u + dice.below(100)] = {
          {},
          trace::UniqueWriteMeta{.from = {0}, .value = {static_cast<std::uint16_t>(kFirst + i)}}};
    }
    std::size_t tries = 0, tries_to_ten = 0;
    const auto start = std::chrono::steady_clock::now();
    (void)check::shrink(trace, [&](const Trace& smaller) {
      ++tries;
      std::uint32_t kept = 0;
      for (const trace::Call& call : smaller.calls) {
        const auto* op = std::get_if<trace::UniqueWriteMeta>(&call.op);
        if (op != nullptr && op->value.raw >= kFirst && op->value.raw < kFirst + 10) {
          kept |= 1u << (op->value.raw - kFirst);
        }
      }
      if (kept == 0x3ff && smaller.calls.size() == 10 && tries_to_ten == 0) tries_to_ten = tries;
      return kept == 0x3ff;
    });
    time += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    most = std::max(most, tries_to_ten);
    sum += tries_to_ten;
  }
  std::printf("shrinking 1,000 operations to 10: %zu runs on average, %zu at most; %.0f ms\n",
              sum / kCases, most, time / double(kCases) * 1e3);
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // Each figure when it is there.
  check::MmAlone system;
  system.rebuild({});
  for (const props::Property& property : props::properties()) {
    const std::string_view name = property.name;
    if (name.ends_with("agree") || name.ends_with("agrees")) {
      if (!property.at_once) rate(property, system);
    }
  }
  rate_reset(system);
  rate_schedules();
  rate_shrinking();
}
