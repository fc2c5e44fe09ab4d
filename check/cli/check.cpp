// SPDX-License-Identifier: MPL-2.0
#include "check/cli/check.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fnmatch.h>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "check/cli/findings.h"
#include "check/cli/guest.h"
#include "check/cli/input.h"
#include "check/cli/status.h"
#include "check/report/files.h"
#include "check/shrink.h"
#include "props/properties.h"
#include "props/shorter.h"
#include "props/systems.h"
#include "reference/model.h"

namespace check::cli {

namespace {

using Clock = std::chrono::steady_clock;
using props::Property;

constexpr std::size_t kMostProperties = 32;
constexpr const char* kReportJson = "report.json";
constexpr const char* kReportText = "report.txt";

// What all processes share.
struct Shared {
  struct Job {
    std::atomic<std::uint32_t> property;
    std::atomic<std::uint64_t> at_case;
    Work work[kMostProperties];
  };
  std::atomic<bool> stop;
  std::atomic<int> finder;             // The job that found a counterexample; -1: none.
  std::atomic<bool> has_failed_again;  // While it was shrunk, on a machine built from nothing.
  std::atomic<bool> is_written;
  Job jobs[kMostJobs];
};

volatile sig_atomic_t interrupts = 0;

class Checking {
 public:
  Checking(const CheckOptions& options, std::vector<const Property*> selected)
      : options_(options), selected_(std::move(selected)), start_(Clock::now()) {}

  int run();

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  [[noreturn]] void work(unsigned job);
  void try_cases(unsigned job);
  bool write_counterexample(const Property& property, trace::Trace failing, std::size_t step);
  bool wait_for_children();
  // Where a process was.
  std::string place_of(unsigned job) const {
    const Shared::Job& last = shared_->jobs[job];
    return cli::place_of(options_, *selected_[last.property], last.at_case);
  }
  const char* failed_property() const {
    return selected_[shared_->jobs[shared_->finder].property]->name;
  }
  void stop_all();

  Findings findings() const;
  void show_progress(bool is_last);
  nlohmann::json summary(int status, const std::string& why) const;

  std::string painted(const char* color, const std::string& text) const {
    return has_color_ ? std::string("\033[") + color + "m" + text + "\033[0m" : text;
  }
  // People read standard output, unless JSON goes there.
  std::ostream& people() const { return options_.json == "-" ? std::cerr : std::cout; }

  const CheckOptions& options_;
  std::vector<const Property*> selected_;
  Clock::time_point start_;
  Clock::time_point last_shown_{};
  bool has_terminal_ = false, has_color_ = false;
  Shared* shared_ = nullptr;
  std::map<pid_t, unsigned> children_;  // And which job each does.
  std::string accident_;                // How a child died, if one did.
};

void Checking::work(unsigned job) {
  (void)signal(SIGINT, SIG_IGN);  // The parent decides when to stop.
  (void)signal(SIGTERM, SIG_DFL);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    try_cases(job);
  } catch (const std::exception& error) {
    complain(error.what());
    _exit(kInternal);
  }
  _exit(0);
}

void Checking::try_cases(unsigned job) {
  Shared::Job& mine = shared_->jobs[job];
  for (std::uint64_t at = job; at < options_.cases; at += options_.jobs) {
    for (std::size_t i = 0; i < selected_.size(); ++i) {
      if (shared_->stop || elapsed() >= options_.seconds) return;
      const Property& property = *selected_[i];
      mine.property = static_cast<std::uint32_t>(i);
      mine.at_case = at;
      trace::Trace trace = props::trace_of(property, options_.seed, at, options_.most_ops);
      const props::Judged judged = property.judge(trace, {.tally = &mine.work[i].labels});
      Work& work = mine.work[i];
      ++work.cases;
      if (judged.doubt == props::Doubt::undecided) ++work.undecided;
      if (judged.doubt == props::Doubt::unconfirmed) ++work.unconfirmed;
      if (judged.doubt != props::Doubt::none) {
        work.first_in_doubt = std::min(work.first_in_doubt, at);
      }
      if (!judged.diverged) continue;

      int nobody = -1;
      if (!shared_->finder.compare_exchange_strong(nobody, static_cast<int>(job))) return;
      shared_->is_written = write_counterexample(property, std::move(trace), judged.diverged->step);
      return;
    }
  }
}

// Shrinks it, as far as there is time, and writes both reports. False if it does not fail again, or
// nothing could be written.
bool Checking::write_counterexample(const Property& property, trace::Trace failing,
                                    std::size_t step) {
  Report report{.system = "mm on " + options_.on, .property = property.name, .seed = options_.seed};
  report.shrunk.from_ops = failing.calls.size();
  auto fails = [&](trace::Trace& smaller) {
    return !shared_->stop && props::judge_again(property, smaller).diverged.has_value();
  };
  const Budget budget = property.at_once ? kBudgetAtOnce : Budget{};
  Shrunk shrunk =
      props::or_shorter(property, options_.seed, shrink(std::move(failing), fails, budget, step),
                        fails, budget);
  props::Judged judged =
      props::judge_again(property, shrunk.trace, {.thoroughness = Thoroughness::thorough});
  if (!judged.diverged) {
    return false;
  }
  shared_->has_failed_again = true;
  report.trace = std::move(shrunk.trace);
  report.shrunk.to_ops = report.trace.calls.size();
  report.shrunk.tries = shrunk.tries;
  report.diverged = std::move(*judged.diverged);
  const char* const sentence = reference::Model::sentence_of(report.diverged.law.c_str());
  report.sentence = sentence == nullptr ? "" : sentence;
  report.steps = std::move(judged.steps);
  return store_report(report, kReportJson, kReportText, std::cerr);
}

void Checking::stop_all() { shared_->stop = true; }

// False if one died.
bool Checking::wait_for_children() {
  std::optional<Clock::time_point> patience;
  while (!children_.empty()) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG);
    if (child > 0) {
      const unsigned job = children_.at(child);
      children_.erase(child);
      if (WIFSIGNALED(status) && accident_.empty() && !patience) {
        accident_ = std::string("a process died of signal ") + std::to_string(WTERMSIG(status)) +
                    " (" + strsignal(WTERMSIG(status)) + ") in " + place_of(job);
        stop_all();
      } else if (WIFEXITED(status) && WEXITSTATUS(status) != 0 && accident_.empty()) {
        accident_ = "a process ended with status " + std::to_string(WEXITSTATUS(status)) + " in " +
                    place_of(job);
        stop_all();
      }
      continue;
    }
    if (interrupts > 0) stop_all();
    // Others need not go on once one has found something; but it may take its time to shrink it.
    const bool is_over = shared_->stop || elapsed() > options_.seconds + 1;
    if (is_over && !patience && shared_->finder < 0) {
      patience = Clock::now() + std::chrono::seconds(interrupts > 0 ? 5 : 20);
    }
    if (interrupts > 1 || (patience && Clock::now() > *patience && shared_->finder < 0)) {
      for (const auto& [late, job] : children_) (void)kill(late, SIGKILL);
      if (interrupts == 0 && accident_.empty()) {
        accident_ = "an operation does not end, in " + place_of(children_.begin()->second);
      }
      patience = Clock::now() + std::chrono::hours(1);
    }
    show_progress(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return accident_.empty();
}

Findings Checking::findings() const {
  std::vector<Work> sums(selected_.size());
  for (unsigned job = 0; job < options_.jobs; ++job) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i].add(shared_->jobs[job].work[i]);
  }
  return Findings(options_, selected_, std::move(sums), elapsed());
}

void Checking::show_progress(bool is_last) {
  if (options_.quiet) return;
  auto line = [&] {
    const bool is_shrinking = shared_->finder >= 0;
    return findings().progress() + (is_shrinking ? "; shrinking a counterexample" : "");
  };
  const auto now = Clock::now();
  const auto every =
      has_terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  if (last_shown_ == Clock::time_point{}) last_shown_ = has_terminal_ ? now - every : now;
  if (has_terminal_) {
    if (is_last) {
      std::cerr << "\r\033[K" << std::flush;
    } else if (now - last_shown_ >= every) {
      std::cerr << "\r\033[K" << line() << std::flush;
      last_shown_ = now;
    }
  } else if (!is_last && now - last_shown_ >= every) {
    people() << line() << std::endl;
    last_shown_ = now;
  }
}

// For programs.
nlohmann::json Checking::summary(int status, const std::string& why) const {
  nlohmann::json all = {{"format", 1}, {"seed", options_.seed}, {"status", status},
                        {"why", why},  {"seconds", elapsed()},  {"properties", findings().json()}};
  if (shared_->is_written) all["report"] = kReportJson;
  return all;
}

void note_interrupt(int) { interrupts = interrupts + 1; }

int Checking::run() {
  has_terminal_ = isatty(STDERR_FILENO) != 0;
  const char* no_color = std::getenv("NO_COLOR");
  has_color_ = options_.color == "always" ||
               (options_.color == "auto" && (no_color == nullptr || *no_color == '\0') &&
                isatty(options_.json == "-" ? STDERR_FILENO : STDOUT_FILENO) != 0);

  void* const memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::cerr << "pagetwin: no memory to share with the processes\n";
    return kInternal;
  }
  // SAFETY: fresh zeroed memory of that size, aligned to a page; it lives as long as the process.
  shared_ = ::new (memory) Shared();
  shared_->finder = -1;

  people() << "seed " << options_.seed << "  (RC_PARAMS=\"seed=" << options_.seed
           << " max_size=" << options_.most_ops / 2 << "\"), " << options_.jobs
           << (options_.jobs == 1 ? " process" : " processes") << std::endl;
  (void)signal(SIGINT, note_interrupt);
  (void)signal(SIGTERM, note_interrupt);
  for (unsigned job = 0; job < options_.jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) work(job);
    if (child > 0) children_[child] = job;
    if (child < 0) {
      accident_ = "a process could not be started";
      stop_all();
      break;
    }
  }
  wait_for_children();
  show_progress(true);

  int status = kHeld;
  std::string why = "all properties held";
  if (interrupts > 0) {
    status = kInterrupted;
    why = "interrupted";
  } else if (shared_->finder >= 0 && shared_->has_failed_again) {
    status = kCounterexample;
    why = std::string("a counterexample of \"") + failed_property() + '"';
    if (!shared_->is_written) why += ", which could not be written";
  } else if (accident_.empty() && shared_->finder >= 0) {
    status = kInternal;
    why = std::string("a counterexample of \"") + failed_property() + "\" did not fail again";
  } else if (!accident_.empty()) {
    status = kInternal;
    why = "internal error: " + accident_;
  } else if (const std::string doubt = findings().doubts(); !doubt.empty()) {
    status = kHealth;
    why = "cases in doubt: " + doubt;
  } else if (const std::string ill = findings().ill_health(); !ill.empty()) {
    status = kHealth;
    why = "ill health: " + ill;
  }

  if (!options_.quiet) findings().show(people());
  if (shared_->is_written) {
    people() << '\n' << std::ifstream(kReportText).rdbuf() << '\n';
    if (!options_.quiet) people() << "written: " << kReportJson << ", " << kReportText << '\n';
  }
  const char* const green = "32";
  const char* const red = "31";
  people() << painted(status == kHeld ? green : red, why) << " (seed " << options_.seed << ")"
           << std::endl;

  if (options_.json == "-") {
    std::cout << summary(status, why).dump(2) << std::endl;
  } else if (!options_.json.empty()) {
    std::ofstream out(options_.json);
    out << summary(status, why).dump(2) << '\n';
    if (!out) {
      std::cerr << "pagetwin: cannot write " << options_.json << '\n';
      return status == kHeld ? kUsage : status;
    }
  }
  return status;
}

// What CLI11 does not see: it takes a number that is too large for the largest there is.
std::string why_no_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc{} && read.ptr == end ? "" : text + " is no number below 2^64";
}

int check_all(CheckOptions& options) {
  if (const std::string wrong = settle(options); !wrong.empty()) {
    std::cerr << "pagetwin: " << wrong << '\n';
    return kUsage;
  }
  const bool is_on_guest = options.on == kOnGuest;
  std::vector<const Property*> selected;
  for (const Property& property : props::properties()) {
    if (is_on_guest && property.at_once) continue;
    if (fnmatch(options.filter.c_str(), property.name, FNM_CASEFOLD) == 0) {
      selected.push_back(&property);
    }
  }
  if (selected.empty() || options.cases == 0) {
    std::cerr << "pagetwin: nothing to check: "
              << (selected.empty() ? "no property is named " + options.filter : "no cases") << '\n';
    return kNothing;
  }
  if (options.list) {
    for (const Property* property : selected) {
      std::cout << padded(property->name, 22) << property->sentence << '\n';
    }
    return kHeld;
  }
  if (is_on_guest) props::chosen_instead = &tried_guest();
  return Checking(options, selected).run();
}

}  // namespace

void add_check(CLI::App& app, int& status, Subjects subjects) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* const verb = app.add_subcommand("check", "Run every property, and show what fails");
  verb->add_option("--seed", options->seed_given, "Repeat the run of this seed")
      ->check(why_no_number, "", "");
  verb->add_option("--cases", options->cases_given, "So many cases of each property")
      ->check(why_no_number, "", "");
  verb->add_option("--max-ops", options->most_ops_given, "Operations of the longest trace (200)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  verb->add_option("--time", options->time_given, "How long: 60s, 2m, or seconds (30s)");
  verb->add_option("--jobs", options->jobs, "Processes (as many as there are CPUs)")
      ->check(CLI::Range(1u, static_cast<unsigned>(kMostJobs)));
  verb->add_option("--filter", options->filter,
                   "Only properties whose name matches, as 'frames*' (see --list)");
  verb->add_flag("--list", options->list, "Name the properties, and run none");
  verb->add_option("--json", options->json, "Write the summary there; - is standard output");
  verb->add_option("--color", options->color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  verb->add_flag("-q,--quiet", options->quiet, "Only the verdict");
  verb->add_flag("-v,--verbose", options->verbose, "Every outcome of every operation");
  add_on_option(*verb, options->on, subjects);
  verb->callback([options, &status] { status = check_all(*options); });
}

}  // namespace check::cli
