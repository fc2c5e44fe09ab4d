// SPDX-License-Identifier: MPL-2.0
#include "props/zoo/hunt.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/shrink.h"
#include "props/properties.h"
#include "props/shorter.h"
#include "trace/text.h"

namespace {

constexpr std::size_t kMostOps = 200;

bool has_sanitizer_spoken = false;

}  // namespace

// What a sanitizer's runtime has, or calls, if the program is linked with it.
extern "C" {
[[gnu::weak]] void __asan_set_error_report_callback(void (*)(const char*));  // NOLINT
[[gnu::weak]] void __tsan_init();                                            // NOLINT
[[gnu::used]] void __tsan_on_report(void*) { has_sanitizer_spoken = true; }  // NOLINT
}

namespace zoo {

std::string_view sanitizer() {
  if (!is_sanitizer_an_oracle) return "";
  if (__asan_set_error_report_callback != nullptr) return "asan";
  return __tsan_init != nullptr ? "tsan" : "";
}

void set_options(char** arguments) {
  const bool is_asan = sanitizer() == "asan";
  const char* const name = is_asan ? "ASAN_OPTIONS" : "TSAN_OPTIONS";
  if (sanitizer().empty() || std::getenv(name) != nullptr) return;
  const char* const options =
      is_asan ? "symbolize=0:detect_leaks=0:detect_stack_use_after_return=0"
              : "symbolize=0:halt_on_error=0:atexit_sleep_ms=0:exitcode=0:suppress_equal_stacks=0:"
                "suppress_equal_addresses=0";
  (void)setenv(name, options, 1);
  (void)execv("/proc/self/exe", arguments);
}

namespace {

std::string_view fault_here(const props::Property& property, trace::Trace& trace, bool thoroughly) {
  props::other_oracle = [] { return has_sanitizer_spoken; };
  has_sanitizer_spoken = false;
  const props::Judged judged =
      thoroughly ? props::judge_again(property, trace) : property.judge(trace, {});
  if (has_sanitizer_spoken) return sanitizer();
  // What goes wrong in a prologue is not what lanes at once are for.
  const bool is_early = trace.at_once && judged.diverged && judged.diverged->step < trace.prologue;
  if (judged.diverged && !is_early) {
    return check::kOracleNames[static_cast<std::size_t>(judged.diverged->oracle)];
  }
  return "";
}

// What a process of its own is to tell.
struct Told {
  std::uint64_t number;
  char fault[16];
  std::uint32_t choices;
  trace::Choice schedule[256];
};
Told* telling = nullptr;

// Runs `work` in a process of its own. AddressSanitizer ends it with its first report.
Told& told_by_another(auto&& work) {
  static Told& told = *static_cast<Told*>(
      mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  told.number = told.choices = 0;
  told.fault[0] = '\0';
  telling = &told;
  const pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (__asan_set_error_report_callback != nullptr) {
      __asan_set_error_report_callback([](const char*) { std::strcpy(telling->fault, "asan"); });
    }
    work(told);
    _exit(0);
  }
  int status = 0;
  (void)waitpid(child, &status, 0);
  return told;
}

}  // namespace

// A sanitizer does not go on after a report as if nothing had been: ThreadSanitizer never again
// looks at that address. So with one each trace is run by a process of its own.
std::string_view fault_of(const props::Property& property, trace::Trace& trace, bool thoroughly) {
  if (sanitizer().empty()) return fault_here(property, trace, thoroughly);
  const Told& told = told_by_another([&](Told& into) {
    const std::string_view fault = fault_here(property, trace, thoroughly);
    std::ranges::copy(fault, into.fault);
    into.fault[fault.size()] = '\0';
    into.choices =
        static_cast<std::uint32_t>(std::min(trace.schedule.size(), std::size(into.schedule)));
    std::copy_n(trace.schedule.begin(), into.choices, into.schedule);
  });
  trace.schedule.assign(told.schedule, told.schedule + told.choices);
  return told.fault;
}

namespace {

// The number of the first trace from `at` on that fails, or `end`.
std::uint64_t first_failing(const props::Property& property, std::uint64_t seed, std::uint64_t at,
                            std::uint64_t end) {
  auto look = [&](std::uint64_t& number) {
    for (number = at; number < end; ++number) {
      trace::Trace trace = props::trace_of(property, seed, number, kMostOps);
      if (!fault_here(property, trace, false).empty()) return;
    }
  };
  std::uint64_t number = 0;
  if (sanitizer().empty()) {
    look(number);
  } else {
    number = told_by_another([&](Told& into) { look(into.number); }).number;
  }
  return number;
}

}  // namespace

void put(const trace::Trace& trace, char (&into)[4000]) {
  std::ostringstream text;
  text << trace;
  std::strncpy(into, text.str().c_str(), sizeof into - 1);
}

namespace {

// A trace that fails, noted in `hunted`; an empty one if no case does.
trace::Trace found_by(const props::Property& property, std::uint64_t seed, std::uint64_t most_cases,
                      Hunted& hunted) {
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t at = 0;; ++at) {
    at = first_failing(property, seed, at, most_cases);
    if (at >= most_cases) return {};
    hunted.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    trace::Trace failing = props::trace_of(property, seed, at, kMostOps);
    hunted.ops = static_cast<unsigned>(failing.calls.size());
    const std::string_view first = fault_of(property, failing, false);
    if (first.empty()) continue;
    hunted.cases = at + 1;
    hunted.shrunk_ops = hunted.ops;
    std::strncpy(hunted.oracle, first.data(), sizeof hunted.oracle - 1);
    put(failing, hunted.trace);
    hunted.is_found = true;
    return failing;
  }
}

}  // namespace

void find(const props::Property& property, std::uint64_t seed, std::uint64_t most_cases,
          Hunted& hunted) {
  (void)found_by(property, seed, most_cases, hunted);
  hunted.is_over = true;
}

void hunt(const props::Property& property, std::uint64_t seed, Hunted& hunted, std::size_t enough) {
  trace::Trace failing = found_by(property, seed, ~std::uint64_t{0}, hunted);
  check::Budget budget;
  if (property.at_once) budget.tries = 4000;
  if (!sanitizer().empty()) budget.tries = 1500;
  auto fails = [&](trace::Trace& smaller) {
    if (hunted.shrunk_ops <= enough) return false;
    if (property.at_once && !smaller.at_once) return false;
    const std::string_view fault = fault_of(property, smaller, true);
    if (fault.empty()) return false;
    if (smaller.calls.size() < hunted.shrunk_ops) {
      hunted.shrunk_ops = static_cast<unsigned>(smaller.calls.size());
    }
    return true;
  };
  check::Shrunk shrunk = check::shrink(std::move(failing), fails, budget);
  put(shrunk.trace, hunted.trace);
  if (shrunk.trace.calls.size() > enough) {
    shrunk = props::or_shorter(property, seed, std::move(shrunk), fails, budget);
  }
  trace::Trace& best = shrunk.trace;
  put(best, hunted.trace);
  hunted.shrunk_ops = static_cast<unsigned>(best.calls.size());
  if (const std::string_view last = fault_of(property, best, true); !last.empty()) {
    std::strncpy(hunted.oracle, last.data(), sizeof hunted.oracle - 1);
  }
  hunted.is_over = true;
}

}  // namespace zoo
