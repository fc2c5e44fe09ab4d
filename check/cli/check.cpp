// SPDX-License-Identifier: MPL-2.0
#include "check/cli/check.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fnmatch.h>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <rapidcheck/detail/Configuration.h>
#include <signal.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "check/cli/status.h"
#include "check/report/files.h"
#include "check/shrink.h"
#include "props/properties.h"
#include "reference/model.h"

namespace check::cli {

namespace {

using Clock = std::chrono::steady_clock;
using props::Property;

constexpr std::size_t kMostProperties = 16;
constexpr std::size_t kMostJobs = 64;
constexpr const char* kReportJson = "report.json";
constexpr const char* kReportText = "report.txt";
// Where one try is some hundred schedules.
constexpr Budget kBudgetAtOnce{.tries = 4'000};
constexpr std::uint64_t kNoCase = ~std::uint64_t{0};
constexpr std::uint64_t kEnoughAsked = 100'000;  // After so many, each outcome should be seen.

struct Options {
  std::optional<std::uint64_t> seed_given;
  std::optional<std::uint64_t> cases_given;
  std::optional<std::size_t> most_ops_given;
  std::string time_given;
  std::string filter = "*";
  std::string json;
  std::string color = "auto";
  unsigned jobs = 0;
  bool list = false, quiet = false, verbose = false;

  std::uint64_t seed = 0;
  std::uint64_t cases = kNoCase;  // Of each property.
  std::size_t most_ops = 200;
  double seconds = 30;
};

// What one process has done for one property.
struct Work {
  std::uint64_t cases = 0;
  std::uint64_t undecided = 0, unconfirmed = 0;  // Of these: see props::Doubt.
  std::uint64_t first_in_doubt = kNoCase;
  check::Tally labels{};
};

std::uint64_t operations_of(const Work& work) {
  return work.labels.asked() + work.labels.passed_over();
}

// What all processes share.
struct Shared {
  struct Job {
    std::atomic<std::uint32_t> property;
    std::atomic<std::uint64_t> at_case;
    Work work[kMostProperties];
  };
  std::atomic<bool> stop;
  std::atomic<int> finder;  // The job that found a counterexample; -1: none.
  std::atomic<bool> is_written;
  Job jobs[kMostJobs];
};

volatile sig_atomic_t interrupts = 0;

// "90", "90s", "2m", "1h", "500ms": seconds; nothing if it is none of these.
std::optional<double> seconds_of(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  if (end == text.c_str() || !(number >= 0)) return std::nullopt;
  if (unit.empty() || unit == "s") return number;
  if (unit == "ms") return number / 1000;
  if (unit == "m" || unit == "min") return number * 60;
  if (unit == "h") return number * 3600;
  return std::nullopt;
}

std::string short_number(double number) {
  std::ostringstream out;
  out.precision(3);
  if (number >= 1e9) {
    out << number / 1e9 << " G";
  } else if (number >= 1e6) {
    out << number / 1e6 << " M";
  } else if (number >= 1e4) {
    out << number / 1e3 << " k";
  } else {
    out << static_cast<std::uint64_t>(number);
  }
  return out.str();
}

std::string padded(std::string text, std::size_t width, bool right = false) {
  if (text.size() >= width) return text;
  return right ? std::string(width - text.size(), ' ') + text
               : text + std::string(width - text.size(), ' ');
}

// RapidCheck's own parameters, read by its own parser; flags win.
std::string settle(Options& options) {
  options.seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  bool has_cases = options.cases_given.has_value();
  if (const char* params = std::getenv("RC_PARAMS"); params != nullptr && *params != '\0') {
    rc::detail::Configuration config;
    config.testParams.seed = options.seed;
    config.testParams.maxSuccess = -1;
    config.testParams.maxSize = -1;
    try {
      config = rc::detail::configFromString(params, config);
    } catch (const rc::detail::ConfigurationException& error) {
      return std::string("RC_PARAMS: ") + error.what();
    }
    options.seed = config.testParams.seed;
    if (config.testParams.maxSize >= 0) {
      options.most_ops = static_cast<std::size_t>(config.testParams.maxSize) * 2;
    }
    if (config.testParams.maxSuccess >= 0) {
      options.cases = static_cast<std::uint64_t>(config.testParams.maxSuccess);
      has_cases = true;
    }
  }
  options.seed = options.seed_given.value_or(options.seed);
  options.cases = options.cases_given.value_or(options.cases);
  options.most_ops = options.most_ops_given.value_or(options.most_ops);
  if (!options.time_given.empty()) {
    const auto seconds = seconds_of(options.time_given);
    if (!seconds) return "--time: not a time: " + options.time_given + " (try 60s or 2m)";
    options.seconds = *seconds;
  } else if (has_cases) {
    options.seconds = 1e9;  // As many cases as asked for, however long they take.
  }
  if (options.jobs == 0) options.jobs = std::max(1u, std::thread::hardware_concurrency());
  options.jobs = std::min<unsigned>(options.jobs, kMostJobs);
  return "";
}

class Checking {
 public:
  Checking(const Options& options, std::vector<const Property*> selected)
      : options_(options), selected_(std::move(selected)), start_(Clock::now()) {}

  int run();

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  [[noreturn]] void work(unsigned job);
  bool write_counterexample(const Property& property, trace::Trace failing, std::size_t step);
  bool wait_for_children();
  // A case, and how to go there again.
  std::string place_of(std::size_t property, std::uint64_t at) const {
    const std::string name = selected_[property]->name;
    return "case " + std::to_string(at) + " of \"" + name + "\" (again: --seed " +
           std::to_string(options_.seed) + " --filter \"" + name + "\" --cases " +
           std::to_string(at + 1) + " --max-ops " + std::to_string(options_.most_ops) + ')';
  }
  // Where a process was.
  std::string place_of(unsigned job) const {
    const Shared::Job& last = shared_->jobs[job];
    return place_of(last.property, last.at_case);
  }
  const char* failed_property() const {
    return selected_[shared_->jobs[shared_->finder].property]->name;
  }
  void stop_all();

  Work work_of(std::size_t property) const;
  std::string progress() const;
  void show_progress(bool is_last);
  std::string never_seen(std::size_t property) const;
  std::string doubts() const;
  std::string ill_health() const;
  void show_summary(std::ostream& out) const;
  nlohmann::json summary(int status, const std::string& why) const;

  std::string painted(const char* color, const std::string& text) const {
    return has_color_ ? std::string("\033[") + color + "m" + text + "\033[0m" : text;
  }
  // People read standard output, unless JSON goes there.
  std::ostream& people() const { return options_.json == "-" ? std::cerr : std::cout; }

  const Options& options_;
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
  Shared::Job& mine = shared_->jobs[job];
  for (std::uint64_t at = job; at < options_.cases; at += options_.jobs) {
    for (std::size_t i = 0; i < selected_.size(); ++i) {
      if (shared_->stop || elapsed() >= options_.seconds) _exit(0);
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
      if (!shared_->finder.compare_exchange_strong(nobody, static_cast<int>(job))) _exit(0);
      shared_->is_written = write_counterexample(property, std::move(trace), judged.diverged->step);
      _exit(0);
    }
  }
  _exit(0);
}

// Shrinks it, as far as there is time, and writes both reports. False if it does not fail again, or
// nothing could be written.
bool Checking::write_counterexample(const Property& property, trace::Trace failing,
                                    std::size_t step) {
  Report report{.system = "mm on hosted", .property = property.name, .seed = options_.seed};
  report.shrunk.from_ops = failing.calls.size();
  Shrunk shrunk = shrink(
      std::move(failing),
      [&](trace::Trace& smaller) {
        return !shared_->stop && props::judge_again(property, smaller).diverged.has_value();
      },
      property.at_once ? kBudgetAtOnce : Budget{}, step);
  props::Judged judged =
      props::judge_again(property, shrunk.trace, {.thoroughness = Thoroughness::thorough});
  if (!judged.diverged) {
    std::cerr << "pagetwin: a counterexample of \"" << property.name << "\" did not fail again\n";
    return false;
  }
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

Work Checking::work_of(std::size_t property) const {
  Work sum;
  for (unsigned job = 0; job < options_.jobs; ++job) {
    const Work& part = shared_->jobs[job].work[property];
    sum.cases += part.cases;
    sum.undecided += part.undecided;
    sum.unconfirmed += part.unconfirmed;
    sum.first_in_doubt = std::min(sum.first_in_doubt, part.first_in_doubt);
    sum.labels.add(part.labels);
  }
  return sum;
}

std::string Checking::progress() const {
  std::uint64_t cases = 0, asked = 0, seen = 0, possible = 0;
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work work = work_of(i);
    cases += work.cases;
    asked += work.labels.asked();
    for (const auto& [op, status] : props::outcomes_of(*selected_[i])) {
      ++possible;
      if (work.labels.count(op, status) > 0) ++seen;
    }
  }
  const double seconds = elapsed();
  std::ostringstream out;
  out.precision(seconds < 10 ? 2 : 3);
  out << seconds << " s: " << short_number(double(cases)) << " cases, "
      << short_number(double(asked)) << " operations ("
      << short_number(double(asked) / std::max(seconds, 0.001)) << "/s), " << seen << " of "
      << possible << " labels seen";
  if (shared_->finder >= 0) out << "; shrinking a counterexample";
  return out.str();
}

void Checking::show_progress(bool is_last) {
  if (options_.quiet) return;
  const auto now = Clock::now();
  const auto every =
      has_terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  if (last_shown_ == Clock::time_point{}) last_shown_ = has_terminal_ ? now - every : now;
  if (has_terminal_) {
    if (is_last) {
      std::cerr << "\r\033[K" << std::flush;
    } else if (now - last_shown_ >= every) {
      std::cerr << "\r\033[K" << progress() << std::flush;
      last_shown_ = now;
    }
  } else if (!is_last && now - last_shown_ >= every) {
    people() << progress() << std::endl;
    last_shown_ = now;
  }
}

// The outcomes that a property should have had: "frame_clone aborted, ...".
std::string Checking::never_seen(std::size_t property) const {
  const Work work = work_of(property);
  std::string names;
  for (const auto& [op, status] : props::outcomes_of(*selected_[property])) {
    if (work.labels.count(op, status) > 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(trace::name_of(trace::blank_op(op))) + ' ' +
             trace::kStatusNames[static_cast<std::size_t>(status)];
  }
  return names;
}

// Empty if every case either agreed or gave a counterexample.
std::string Checking::doubts() const {
  std::uint64_t undecided = 0, unconfirmed = 0;
  std::string first;
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work work = work_of(i);
    undecided += work.undecided;
    unconfirmed += work.unconfirmed;
    if (first.empty() && work.first_in_doubt != kNoCase) first = place_of(i, work.first_in_doubt);
  }
  if (first.empty()) return "";
  std::string what;
  if (unconfirmed > 0) {
    what = std::to_string(unconfirmed) +
           " failed once, and not again on a machine built from nothing; ";
  }
  if (undecided > 0) what += std::to_string(undecided) + " could not be decided; ";
  return what + "the first is " + first;
}

// Empty if the traces asked what they should.
std::string Checking::ill_health() const {
  std::uint64_t cases = 0;
  for (std::size_t i = 0; i < selected_.size(); ++i) cases += work_of(i).cases;
  if (cases == 0) return "there was no time for a single case";
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work work = work_of(i);
    const std::string name = selected_[i]->name;
    if (work.labels.passed_over() > work.labels.asked()) {
      return name + ": more than half of the operations were passed over";
    }
    if (work.labels.asked() < kEnoughAsked) continue;
    if (const std::string names = never_seen(i); !names.empty()) {
      return name + ": never seen: " + names;
    }
  }
  return "";
}

void Checking::show_summary(std::ostream& out) const {
  out << padded("property", 22) << padded("cases", 10, true) << padded("asked", 12, true)
      << padded("of", 8, true) << padded("outcomes", 12, true) << '\n';
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work work = work_of(i);
    const auto outcomes = props::outcomes_of(*selected_[i]);
    const auto seen = std::count_if(outcomes.begin(), outcomes.end(), [&](const auto& one) {
      return work.labels.count(one.op, one.status) > 0;
    });
    const double share = 100.0 * double(work.labels.asked()) /
                         double(std::max<std::uint64_t>(1, operations_of(work)));
    out << padded(selected_[i]->name, 22) << padded(short_number(double(work.cases)), 10, true)
        << padded(short_number(double(work.labels.asked())), 12, true)
        << padded(std::to_string(static_cast<int>(share)) + " %", 8, true)
        << padded(std::to_string(seen) + " of " + std::to_string(outcomes.size()), 12, true)
        << '\n';
    if (work.unconfirmed > 0) {
      out << "    in doubt: " << work.unconfirmed
          << " failed once, and not again on a machine built from nothing\n";
    }
    if (work.undecided > 0) {
      out << "    in doubt: " << work.undecided << " could not be decided\n";
    }
    if (options_.verbose) {
      if (const std::string names = never_seen(i); !names.empty()) {
        out << "    never seen: " << names << '\n';
      }
      for (std::size_t op = 0; op < trace::kOpCount; ++op) {
        std::string line;
        for (std::size_t status = 0; status < trace::kStatusNames.size(); ++status) {
          const std::uint64_t count = work.labels.counts[op][status];
          if (count > 0)
            line +=
                std::string("  ") + trace::kStatusNames[status] + ' ' + short_number(double(count));
        }
        if (!line.empty()) {
          out << "    " << padded(trace::name_of(trace::blank_op(op)), 24) << line << '\n';
        }
      }
    }
  }
}

nlohmann::json Checking::summary(int status, const std::string& why) const {
  nlohmann::json properties = nlohmann::json::array();
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    const Work work = work_of(i);
    nlohmann::json outcomes = nlohmann::json::object();
    for (std::size_t op = 0; op < trace::kOpCount; ++op) {
      for (std::size_t at = 0; at < trace::kStatusNames.size(); ++at) {
        const std::uint64_t count = work.labels.counts[op][at];
        if (count > 0)
          outcomes[trace::name_of(trace::blank_op(op))][trace::kStatusNames[at]] = count;
      }
    }
    properties.push_back({{"name", selected_[i]->name},
                          {"sentence", selected_[i]->sentence},
                          {"cases", work.cases},
                          {"undecided", work.undecided},
                          {"unconfirmed", work.unconfirmed},
                          {"operations", operations_of(work)},
                          {"asked", work.labels.asked()},
                          {"outcomes", outcomes},
                          {"never_seen", never_seen(i)}});
  }
  nlohmann::json all = {{"format", 1}, {"seed", options_.seed}, {"status", status},
                        {"why", why},  {"seconds", elapsed()},  {"properties", properties}};
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
  } else if (shared_->finder >= 0 && shared_->is_written) {
    status = kCounterexample;
    why = std::string("a counterexample of \"") + failed_property() + '"';
  } else if (accident_.empty() && shared_->finder >= 0) {
    status = kInternal;
    why = "a counterexample was found that did not fail again, or could not be written";
  } else if (!accident_.empty()) {
    status = kInternal;
    why = "internal error: " + accident_;
  } else if (const std::string doubt = doubts(); !doubt.empty()) {
    status = kHealth;
    why = "cases in doubt: " + doubt;
  } else if (const std::string ill = ill_health(); !ill.empty()) {
    status = kHealth;
    why = "ill health: " + ill;
  }

  if (!options_.quiet) show_summary(people());
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
      return kUsage;
    }
  }
  return status;
}

int check_all(Options& options) {
  if (const std::string wrong = settle(options); !wrong.empty()) {
    std::cerr << "pagetwin: " << wrong << '\n';
    return kUsage;
  }
  std::vector<const Property*> selected;
  for (const Property& property : props::properties()) {
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
  return Checking(options, selected).run();
}

}  // namespace

void add_check(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb = app.add_subcommand("check", "Run every property, and show what fails");
  verb->add_option("--seed", options->seed_given, "Repeat the run of this seed");
  verb->add_option("--cases", options->cases_given, "So many cases of each property");
  verb->add_option("--max-ops", options->most_ops_given, "Operations of the longest trace (200)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  verb->add_option("--time", options->time_given, "How long: 60s, 2m, or seconds (30s)");
  verb->add_option("--jobs", options->jobs, "Processes (as many as there are CPUs)")
      ->check(CLI::Range(1u, static_cast<unsigned>(kMostJobs)));
  verb->add_option("--filter", options->filter, "Only properties whose name matches this pattern");
  verb->add_flag("--list", options->list, "Name the properties, and run none");
  verb->add_option("--json", options->json, "Write the summary there; - is standard output");
  verb->add_option("--color", options->color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  verb->add_flag("-q,--quiet", options->quiet, "Only the verdict");
  verb->add_flag("-v,--verbose", options->verbose, "Every outcome of every operation");
  verb->callback([options, &status] { status = check_all(*options); });
}

}  // namespace check::cli
