// SPDX-License-Identifier: MPL-2.0
// pagetwin-zoo: a checker that has not been seen to fail proves nothing. Hunts each planted bug,
// seed by seed, and holds what found it, and how small it became, against what the list says.
//
// Each hunt is a process of its own: a planted bug may end it, or never end.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "props/zoo/list.h"
#include "props/zoo/on.h"
#include "props/zoo/process.h"
#include "props/zoo/score.h"

namespace {

using zoo::Bug;
using zoo::Json;

struct Options : zoo::Options {
  std::string property;
  bool minimal = false, properties = false;
};

// Bugs that only a sanitizer sees are hunted by this program's twin, built with it.
bool is_ours(const Bug& bug) {
  const std::string_view oracle = bug.oracle;
  return oracle == "asan" || oracle == "tsan" ? oracle == zoo::sanitizer()
                                              : zoo::sanitizer().empty();
}

Json hunted_here(const Bug& bug, int number, unsigned seed, const Options& options) {
  auto& hunted = zoo::shared_value<zoo::Hunted>();
  const std::string death = zoo::in_a_process(hunted, options.seconds, [&](zoo::Hunted& into) {
    zoo::planted = number;
    zoo::hunt(props::property(options.property.empty() ? bug.property : options.property), seed,
              into);
  });
  Json json = zoo::row_of(bug, seed, hunted, death);
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

// Whether every hunt went as the list says.
bool hunt_all(const Options& options, const std::vector<int>& numbers) {
  zoo::Score score(options);
  for (const int number : numbers) {
    const Bug& bug = zoo::kBugs[number - 1];
    const std::string twin = is_ours(bug) ? "" : twin_of(bug);
    if (!is_ours(bug) && twin.empty()) {
      options.people() << bug.id << ": not hunted, for it takes a program built with " << bug.oracle
                       << '\n';
      continue;
    }
    std::vector<Json> rows;
    for (unsigned seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
      rows.push_back(is_ours(bug) ? hunted_here(bug, number, seed, options)
                                  : hunted_there(bug, twin, seed, options));
    }
    score.take(bug, std::move(rows));
  }
  const bool is_as_listed = score.tell();
  Json all = score.rows();
  if (std::getenv(kIsTwin) == nullptr) {
    for (Json& one : all) one.erase("trace"), one.erase("ended_by");  // For people only.
  }
  zoo::write({{"bugs", all}}, options);
  return is_as_listed;
}

// What a property finds by itself, of the bug with that number.
zoo::Hunted found_by(const props::Property& property, int number, std::uint64_t most_cases,
                     const Options& options) {
  auto& hunted = zoo::shared_value<zoo::Hunted>();
  (void)zoo::in_a_process(hunted, options.seconds, [&](zoo::Hunted& into) {
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
  std::ostream& people = options.people();
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
  zoo::write({{"properties", all}}, options);
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
    auto& tried = zoo::shared_value<zoo::Tried>();
    const std::string death = zoo::in_a_process(tried, options.seconds * 30, [&](zoo::Tried& into) {
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
  add_options(app, options);
  app.add_option("--property", options.property, "Hunt with the traces and the judge of this one")
      ->check(CLI::IsMember([] {
        std::vector<std::string> names;
        for (const props::Property& one : props::properties()) names.emplace_back(one.name);
        return names;
      }()));
  app.add_flag("--properties", options.properties,
               "Let each property find, by itself, the bug that is named for it");
  app.add_flag("--minimal", options.minimal, "Try all traces shorter than the declared minimum");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : check::cli::kUsage;
  }

  if (options.properties) return hunt_by_property(options) ? 0 : zoo::kNotAsListed;

  std::vector<int> numbers;
  for (int number = 1; number <= static_cast<int>(std::size(zoo::kBugs)); ++number) {
    const Bug& bug = zoo::kBugs[number - 1];
    if (!is_selected(bug, options)) continue;
    // A twin has no bugs but its own.
    if (!zoo::sanitizer().empty() && !is_ours(bug)) continue;
    numbers.push_back(number);
  }
  if (numbers.empty()) {
    std::cerr << "pagetwin-zoo: there is no such bug\n";
    return check::cli::kNothing;
  }
  if (options.list) {
    for (const int number : numbers) zoo::list(zoo::kBugs[number - 1]);
    return 0;
  }
  const bool as_declared = options.minimal ? try_all(options, numbers) : hunt_all(options, numbers);
  return as_declared ? 0 : zoo::kNotAsListed;
}
