// SPDX-License-Identifier: MPL-2.0
#include "props/zoo/score.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "check/cli/time.h"

namespace zoo {
namespace {

double quantile(std::vector<double> of, double share) {
  if (of.empty()) return 0;
  std::ranges::sort(of);
  return of[static_cast<std::size_t>(share * static_cast<double>(of.size() - 1) + 0.5)];
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
  app.add_option("--json", options.json, "Write what was found there; - is standard output");
  app.add_option("--oracle", options.oracle, "Only bugs that this oracle finds");
  app.add_option("--bug", options.bug, "Only this one");
  app.add_option("--seeds", options.seeds,
                 "Hunts of each bug (" + std::to_string(options.seeds) + ")");
  app.add_option("--first-seed", options.first_seed, "The seed of the first (1)");
  app.add_option_function<std::string>(
      "--time",
      [&options](const std::string& given) {
        const std::optional<double> seconds = check::cli::seconds_of(given);
        if (!seconds) throw CLI::ValidationError("--time", "not a time: " + given + " (try 20s)");
        options.seconds = *seconds;
      },
      "How long a hunt may take (" + std::to_string(int(options.seconds)) + "s)");
  app.add_flag("--list", options.list, "Name the bugs, and hunt none");
  app.add_flag("-v,--verbose", options.verbose, "Show what was found");
}

bool is_selected(const Bug& bug, const Options& options) {
  return (options.oracle.empty() || options.oracle == bug.oracle) &&
         (options.bug.empty() || options.bug == bug.id);
}

void list(const Bug& bug) {
  std::printf("%-34s %-9s %-9s %d  %s%s%s\n", bug.id, bug.family, bug.oracle, bug.min_ops,
              bug.sentence, *bug.real == '\0' ? "" : "; ", bug.real);
}

Json row_of(const Bug& bug, unsigned seed, const Hunted& hunted, const std::string& death) {
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
  return json;
}

void write(const Json& json, const Options& options) {
  const std::string text = json.dump(2) + '\n';
  if (options.json == "-") {
    std::cout << text;
  } else if (!options.json.empty()) {
    std::ofstream(options.json) << text;
  }
}

void Score::take(const Bug& bug, std::vector<Json> rows) {
  unsigned here = 0;
  std::string oracles, sizes;
  ++bugs_;
  for (Json& one : rows) {
    ++hunts_;
    if (one["found"] == true) {
      ++found_, ++here;
      (bug.lanes == 1 ? times_alone_ : times_at_once_).push_back(one["seconds"]);
    }
    if (one["oracle"] == bug.oracle) ++named_;
    if (one["shrunk_ops"] == bug.min_ops) ++minimal_;
    if (one["found"] == true && one["shrunk_ops"] < bug.min_ops) ++smaller_;
    oracles += (oracles.empty() ? "" : ",") + one["oracle"].get<std::string>();
    sizes += (sizes.empty() ? "" : ",") + std::to_string(one["shrunk_ops"].get<int>());
    if (options_.verbose) {
      options_.people() << one["trace"].get<std::string>() << one.value("ended_by", "") << '\n';
    }
    all_.push_back(std::move(one));
  }
  char line[200];
  std::snprintf(line, sizeof line, "%-34s %2u of %zu  %-20.20s %s (%d)%s\n", bug.id, here,
                rows.size(), oracles.c_str(), sizes.c_str(), bug.min_ops,
                here < rows.size() ? "  MISSED" : "");
  options_.people() << line << std::flush;
}

bool Score::tell() {
  options_.people() << bugs_ << " bugs, " << hunts_ << " hunts: " << found_ << " found, " << named_
                    << " by the oracle named, " << minimal_ << " shrunk to the minimum, "
                    << smaller_ << " below it\nseconds to find, median / 95th percentile: alone "
                    << quantile(times_alone_, 0.5) << " / " << quantile(times_alone_, 0.95)
                    << ", at once " << quantile(times_at_once_, 0.5) << " / "
                    << quantile(times_at_once_, 0.95) << '\n';
  return found_ == hunts_ && named_ == hunts_ && smaller_ == 0 && minimal_ * 10 >= hunts_ * 9;
}

}  // namespace zoo
