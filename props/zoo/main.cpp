// SPDX-License-Identifier: MPL-2.0
// pagetwin-zoo: a checker that has not been seen to fail proves nothing. Hunts each planted bug,
// seed by seed, and holds what found it, and how small it became, against what the list says.
//
// Each hunt is a process of its own: a planted bug may end it, or never end.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "check/cli/time.h"
#include "props/zoo/hunt.h"
#include "props/zoo/on.h"

namespace {

using Json = nlohmann::json;
using zoo::Bug;

struct Options {
  std::string json, oracle, bug, property;
  unsigned seeds = 3, first_seed = 1, jobs = 1;
  double seconds = 20;
  bool list = false, minimal = false, properties = false, verbose = false;
};

// Runs `work` on a value that both processes see, for as long as it may take; how the process died,
// or "time" if it had to be ended.
template <class T>
std::string in_a_process(T& shared, double seconds, auto&& work) {
  const pid_t child = fork();
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)std::freopen("/dev/null", "w", stderr);
    work(shared);
    _exit(0);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int status = 0;;) {
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
             : status != 0       ? "status " + std::to_string(WEXITSTATUS(status))
                                 : "";
    }
    if (std::chrono::steady_clock::now() > end) {
      (void)kill(child, SIGKILL);
      (void)waitpid(child, &status, 0);
      return "time";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

template <class T>
T& shared_value() {
  void* const memory =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return *::new (memory) T();
}

// Bugs that only a sanitizer sees are hunted by this program's twin, built with it.
bool is_ours(const Bug& bug) {
  const std::string_view oracle = bug.oracle;
  return oracle == "asan" || oracle == "tsan" ? oracle == zoo::sanitizer()
                                              : zoo::sanitizer().empty();
}

Json hunted_here(const Bug& bug, int number, unsigned seed, const Options& options) {
  auto& hunted = shared_value<zoo::Hunted>();
  const std::string death = in_a_process(hunted, options.seconds, [&](zoo::Hunted& into) {
    zoo::planted = number;
    zoo::hunt(props::property(options.property.empty() ? bug.property : options.property), seed,
              into);
  });
  Json json = {{"id", bug.id},
               {"family", bug.family},
               {"found", hunted.is_found},
               {"oracle", hunted.oracle},
               {"seconds", hunted.seconds},
               {"ops", hunted.ops},
               {"shrunk_ops", hunted.shrunk_ops},
               {"min_ops", bug.min_ops},
               {"seed", seed},
               {"trace", hunted.trace}};
  if (!hunted.is_found && !death.empty() && death != "time") {
    json["found"] = true;
    json["oracle"] = "crash";
  }
  if (!death.empty()) json["ended_by"] = death;
  munmap(&hunted, sizeof hunted);
  return json;
}

// The twin lies beside this program. Empty if it was not built, or if this is one: a twin that took
// itself for the first would call itself for ever.
constexpr const char* kIsTwin = "PAGETWIN_ZOO_IS_TWIN";

std::string twin_of(const Bug& bug) {
  if (std::getenv(kIsTwin) != nullptr) return "";
  const std::string twin =
      std::filesystem::read_symlink("/proc/self/exe").string() + '-' + bug.oracle;
  return std::filesystem::exists(twin) ? twin : "";
}

// The same, by the twin.
Json hunted_there(const Bug& bug, const std::string& twin, unsigned seed, const Options& options) {
  const Json missed = {{"id", bug.id},    {"family", bug.family},   {"found", false},
                       {"oracle", ""},    {"seconds", 0.0},         {"ops", 0},
                       {"shrunk_ops", 0}, {"min_ops", bug.min_ops}, {"seed", seed},
                       {"trace", ""}};
  const std::string command = std::string(kIsTwin) + "=1 '" + twin + "' --bug " + bug.id +
                              " --first-seed " + std::to_string(seed) +
                              " --seeds 1 --json - --time " + std::to_string(options.seconds) +
                              " 2>/dev/null";
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return missed;
  std::string text;
  for (char part[4096]; const auto size = std::fread(part, 1, sizeof part, pipe);) {
    text.append(part, size);
  }
  (void)pclose(pipe);
  const Json all = Json::parse(text, nullptr, false);
  return all.is_object() && !all["bugs"].empty() ? all["bugs"][0] : missed;
}

bool is_named(const Bug& bug, const Json& one) { return one["oracle"] == bug.oracle; }

double quantile(std::vector<double> of, double share) {
  if (of.empty()) return 0;
  std::ranges::sort(of);
  return of[static_cast<std::size_t>(share * static_cast<double>(of.size() - 1) + 0.5)];
}

void write(const Json& json, const Options& options) {
  const std::string text = json.dump(2) + '\n';
  if (options.json == "-") {
    std::cout << text;
  } else if (!options.json.empty()) {
    std::ofstream(options.json) << text;
  }
}

// Whether every hunt went as the list says. Nine of ten must shrink to the declared minimum.
bool hunt_all(const Options& options, const std::vector<int>& numbers) {
  std::ostream& people = options.json == "-" ? std::cerr : std::cout;
  Json all = Json::array();
  std::vector<double> times_alone, times_at_once;
  unsigned hunts = 0, found = 0, named = 0, minimal = 0, smaller = 0;
  for (const int number : numbers) {
    const Bug& bug = zoo::kBugs[number - 1];
    const std::string twin = is_ours(bug) ? "" : twin_of(bug);
    if (!is_ours(bug) && twin.empty()) {
      people << bug.id << ": not hunted, for it takes a program built with " << bug.oracle << '\n';
      continue;
    }
    unsigned here = 0, here_minimal = 0;
    std::string oracles, sizes;
    for (unsigned seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
      Json one = is_ours(bug) ? hunted_here(bug, number, seed, options)
                              : hunted_there(bug, twin, seed, options);
      ++hunts;
      if (one["found"] == true) {
        ++found, ++here;
        (bug.lanes == 1 ? times_alone : times_at_once).push_back(one["seconds"]);
      }
      if (is_named(bug, one)) ++named;
      if (one["shrunk_ops"] == bug.min_ops) ++minimal, ++here_minimal;
      if (one["found"] == true && one["shrunk_ops"] < bug.min_ops) ++smaller;
      oracles += (oracles.empty() ? "" : ",") + one["oracle"].get<std::string>();
      sizes += (sizes.empty() ? "" : ",") + std::to_string(one["shrunk_ops"].get<int>());
      if (options.verbose) {
        people << one["trace"].get<std::string>() << one.value("ended_by", "") << '\n';
      }
      all.push_back(std::move(one));
    }
    char line[200];
    std::snprintf(line, sizeof line, "%-34s %2u of %u  %-20.20s %s (%d)%s\n", bug.id, here,
                  options.seeds, oracles.c_str(), sizes.c_str(), bug.min_ops,
                  here < options.seeds ? "  MISSED" : "");
    people << line << std::flush;
  }
  people << numbers.size() << " bugs, " << hunts << " hunts: " << found << " found, " << named
         << " by the oracle named, " << minimal << " shrunk to the minimum, " << smaller
         << " below it\nseconds to find, median / 95th percentile: alone "
         << quantile(times_alone, 0.5) << " / " << quantile(times_alone, 0.95) << ", at once "
         << quantile(times_at_once, 0.5) << " / " << quantile(times_at_once, 0.95) << '\n';

  if (std::getenv(kIsTwin) == nullptr) {
    for (Json& one : all) one.erase("trace"), one.erase("ended_by");  // For people only.
  }
  write({{"bugs", all}}, options);
  return found == hunts && named == hunts && smaller == 0 && minimal * 10 >= hunts * 9;
}

// What a property finds by itself, of the bug with that number.
zoo::Hunted found_by(const props::Property& property, int number, std::uint64_t most_cases,
                     const Options& options) {
  auto& hunted = shared_value<zoo::Hunted>();
  (void)in_a_process(hunted, options.seconds, [&](zoo::Hunted& into) {
    zoo::planted = number;
    zoo::find(property, options.first_seed, most_cases, into);
  });
  const zoo::Hunted found = hunted;
  munmap(&hunted, sizeof hunted);
  return found;
}

// Whether every property has been seen to fail, by nothing but its own traces and its own judge;
// and of a bug that it is said to find alone, whether no other finds it.
bool hunt_by_property(const Options& options) {
  constexpr std::uint64_t kCasesOfOthers = 300;
  std::ostream& people = options.json == "-" ? std::cerr : std::cout;
  Json all = Json::array();
  bool is_so = true;
  for (const props::Property& property : props::properties()) {
    const auto* const shown = std::ranges::find_if(zoo::kShown, [&](const zoo::Shown& one) {
      return one.property == std::string(property.name);
    });
    if (shown == std::end(zoo::kShown)) {
      people << property.name << ": properties.json names no bug for it\n";
      is_so = false;
      continue;
    }
    const Bug& bug = zoo::kBugs[shown->number - 1];
    const zoo::Hunted found = found_by(property, shown->number, ~std::uint64_t{0}, options);
    std::string others;
    for (const props::Property& other : props::properties()) {
      if (!shown->is_alone || &other == &property || other.at_once) continue;
      const zoo::Hunted by_other = found_by(other, shown->number, kCasesOfOthers, options);
      if (by_other.is_found || !by_other.is_over) others += std::string("; ALSO ") + other.name;
    }
    is_so = is_so && found.is_found && others.empty();
    char line[200];
    std::snprintf(line, sizeof line, "%-20s %-30s %-9s %s", property.name, bug.id,
                  found.is_found ? found.oracle : "MISSED", shown->is_alone ? "alone" : "");
    people << line << others << '\n' << std::flush;
    all.push_back({{"name", property.name},
                   {"bug", bug.id},
                   {"found", found.is_found},
                   {"alone", shown->is_alone && others.empty()},
                   {"oracle", found.oracle},
                   {"seconds", found.seconds},
                   {"cases", found.cases},
                   {"ops", found.ops}});
  }
  write({{"properties", all}}, options);
  return is_so;
}

// Whether no trace shorter than declared fails.
bool try_all(const Options& options, const std::vector<int>& numbers) {
  bool is_so = true;
  for (const int number : numbers) {
    const Bug& bug = zoo::kBugs[number - 1];
    if (!is_ours(bug)) continue;
    if (*bug.too_many != '\0') {
      std::printf("%-34s not tried: %s\n", bug.id, bug.too_many);
      continue;
    }
    auto& tried = shared_value<zoo::Tried>();
    const std::string death = in_a_process(tried, options.seconds * 30, [&](zoo::Tried& into) {
      zoo::planted = number;
      zoo::try_all_shorter(bug, into);
    });
    std::printf("%-34s %10lu traces of %d operations: %s%s\n", bug.id, tried.traces,
                bug.min_ops - 1,
                tried.has_failed ? "one fails:\n"
                : tried.is_over  ? "none fails"
                                 : "ended by: ",
                tried.has_failed ? tried.trace : death.c_str());
    std::fflush(stdout);
    is_so = is_so && tried.is_over && !tried.has_failed;
    munmap(&tried, sizeof tried);
  }
  return is_so;
}

}  // namespace

int main(int argc, char** argv) {
  zoo::set_options(argv);
  Options options;
  CLI::App app("Hunts bugs that were planted in a copy of mm.", "pagetwin-zoo");
  app.add_option("--json", options.json, "Write what was found there; - is standard output");
  app.add_option("--oracle", options.oracle, "Only bugs that this oracle finds");
  app.add_option("--bug", options.bug, "Only this one");
  app.add_option("--seeds", options.seeds, "Hunts of each bug (3)");
  app.add_option("--first-seed", options.first_seed, "The seed of the first (1)");
  app.add_option_function<std::string>(
      "--time",
      [&options](const std::string& given) {
        const std::optional<double> seconds = check::cli::seconds_of(given);
        if (!seconds) throw CLI::ValidationError("--time", "not a time: " + given + " (try 20s)");
        options.seconds = *seconds;
      },
      "How long a hunt may take (20s)");
  app.add_option("--property", options.property, "Hunt with the traces and the judge of this one")
      ->check(CLI::IsMember([] {
        std::vector<std::string> names;
        for (const props::Property& one : props::properties()) names.emplace_back(one.name);
        return names;
      }()));
  app.add_flag("--properties", options.properties,
               "Let each property find, by itself, the bug that is named for it");
  app.add_flag("--list", options.list, "Name the bugs, and hunt none");
  app.add_flag("--minimal", options.minimal, "Try all traces shorter than the declared minimum");
  app.add_flag("-v,--verbose", options.verbose, "Show what was found");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  if (options.properties) return hunt_by_property(options) ? 0 : 1;

  std::vector<int> numbers;
  for (int number = 1; number <= static_cast<int>(std::size(zoo::kBugs)); ++number) {
    const Bug& bug = zoo::kBugs[number - 1];
    if (!options.oracle.empty() && options.oracle != bug.oracle) continue;
    if (!options.bug.empty() && options.bug != bug.id) continue;
    // A twin has no bugs but its own.
    if (!zoo::sanitizer().empty() && !is_ours(bug)) continue;
    numbers.push_back(number);
  }
  if (numbers.empty()) {
    std::cerr << "pagetwin-zoo: there is no such bug\n";
    return 5;
  }
  if (options.list) {
    for (const int number : numbers) {
      const Bug& bug = zoo::kBugs[number - 1];
      std::printf("%-34s %-9s %-9s %d  %s%s%s\n", bug.id, bug.family, bug.oracle, bug.min_ops,
                  bug.sentence, *bug.real == '\0' ? "" : "; ", bug.real);
    }
    return 0;
  }
  const bool as_declared = options.minimal ? try_all(options, numbers) : hunt_all(options, numbers);
  return as_declared ? 0 : 1;
}
