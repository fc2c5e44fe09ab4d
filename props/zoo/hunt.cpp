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

#include "check/machine/sanitizer.h"
#include "check/shrink.h"
#include "props/properties.h"
#include "trace/text.h"

#ifndef ZOO_SANITIZER
#define ZOO_SANITIZER ""
#endif

namespace {

constexpr std::size_t kMostOps = 200;

bool has_sanitizer_spoken = false;

}  // namespace

extern "C" {
void __asan_set_error_report_callback(void (*)(const char*));                // NOLINT
[[gnu::used]] void __tsan_on_report(void*) { has_sanitizer_spoken = true; }  // NOLINT
}

namespace zoo {

std::string_view sanitizer() { return ZOO_SANITIZER; }

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

std::string_view fault_here(trace::Trace& trace, bool thoroughly) {
  props::other_oracle = [] { return has_sanitizer_spoken; };
  static const props::Property& alone = props::property("everything agrees");
  static const props::Property& at_once = props::property("lanes agree");
  has_sanitizer_spoken = false;
  const props::Property& property = trace.at_once ? at_once : alone;
  const props::Judged judged =
      thoroughly ? props::judge_again(property, trace) : property.judge(trace, {});
  if (has_sanitizer_spoken) return sanitizer();
  if (judged.diverged) {
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
#if PAGETWIN_ASAN
    __asan_set_error_report_callback([](const char*) { std::strcpy(telling->fault, "asan"); });
#endif
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
std::string_view fault_of(trace::Trace& trace, bool thoroughly) {
  if (sanitizer().empty()) return fault_here(trace, thoroughly);
  const Told& told = told_by_another([&](Told& into) {
    const std::string_view fault = fault_here(trace, thoroughly);
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

// The number of the first trace from `at` on that fails.
std::uint64_t first_failing(const props::Property& property, std::uint64_t seed, std::uint64_t at) {
  auto look = [&](std::uint64_t& number) {
    for (number = at;; ++number) {
      trace::Trace trace = props::trace_of(property, seed, number, kMostOps);
      if (!fault_here(trace, false).empty()) return;
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

void hunt(const Bug& bug, std::uint64_t seed, Hunted& hunted) {
  const auto start = std::chrono::steady_clock::now();
  const props::Property& property =
      props::property(bug.lanes == 1 ? "everything agrees" : "lanes agree");
  for (std::uint64_t at = 0;; ++at) {
    at = first_failing(property, seed, at);
    hunted.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    trace::Trace failing = props::trace_of(property, seed, at, kMostOps);
    hunted.ops = static_cast<unsigned>(failing.calls.size());
    const std::string_view first = fault_of(failing, false);
    if (first.empty()) continue;

    hunted.shrunk_ops = hunted.ops;
    std::strncpy(hunted.oracle, first.data(), sizeof hunted.oracle - 1);
    put(failing, hunted.trace);
    hunted.is_found = true;
    trace::Trace best = check::shrink(
                            std::move(failing),
                            [&](trace::Trace& smaller) {
                              const std::string_view fault = fault_of(smaller, true);
                              if (fault.empty()) return false;
                              if (smaller.calls.size() < hunted.shrunk_ops) {
                                hunted.shrunk_ops = static_cast<unsigned>(smaller.calls.size());
                              }
                              return true;
                            },
                            bug.lanes == 1 && sanitizer().empty()
                                ? check::Budget{}
                                : check::Budget{sanitizer().empty() ? std::size_t{4000} : 1500})
                            .trace;
    put(best, hunted.trace);
    hunted.shrunk_ops = static_cast<unsigned>(best.calls.size());
    if (const std::string_view last = fault_of(best, true); !last.empty()) {
      std::strncpy(hunted.oracle, last.data(), sizeof hunted.oracle - 1);
    }
    hunted.is_over = true;
    return;
  }
}

}  // namespace zoo
