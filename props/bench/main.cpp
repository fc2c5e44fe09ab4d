// SPDX-License-Identifier: MPL-2.0
// pagetwin-bench: how fast mm is, workload by workload, and whether it was still right.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <iostream>

#include "check/cli/status.h"
#include "props/bench/callgrind.h"
#include "props/bench/permutation.h"
#include "props/bench/report.h"

namespace {

using namespace bench;
using check::cli::kCounterexample, check::cli::kHeld, check::cli::kInternal, check::cli::kNothing,
    check::cli::kUsage;

constexpr int kRounds = 9;
constexpr u64 kSmallFrames = 8'192;
constexpr u64 kSmaller = 64;     // How much smaller the small size is.
constexpr u64 kCounted = 2'048;  // Operations under callgrind, once; and twice as many.

struct Options {
  std::string filter = "*";
  std::string json;
  bool is_small = false, list = false;
  bool only_count = false;  // This is the run under callgrind.
};

int complain(const std::string& what, int status) {
  std::cerr << "pagetwin-bench: " << what << '\n';
  return status;
}

int wrong(const Workload& workload) {
  return complain(std::string(workload.name) + " (" + workload.what + ") left mm in a wrong state",
                  kCounterexample);
}

// What count_instructions() runs: each workload of one thread once, and once with twice as many
// operations.
bool is_counted(const Workload& one) { return one.threads == 1; }
int count(const std::vector<const Workload*>& selected) {
  Stopwatch watch;
  for (const Workload* one : selected) {
    if (!is_counted(*one)) continue;
    for (const u64 operations : {kCounted, 2 * kCounted}) {
      if (!one->round(watch, operations, kSmallFrames)) return wrong(*one);
    }
  }
  return kHeld;
}

// The difference is that of the loop alone: what comes before and after it is in both.
void add_instructions(std::vector<Measured>& all, const Options& options) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const Counted counted = count_instructions({self, "--only-count", "--filter", options.filter});
  std::string why = counted.why;
  const auto rows =
      std::ranges::count_if(all, [](const Measured& one) { return is_counted(*one.workload); });
  if (why.empty() && counted.instructions.size() != 2 * static_cast<std::size_t>(rows)) {
    why = "callgrind has not seen every workload";
  }
  if (!why.empty()) {
    complain("instructions are not counted: " + why, kHeld);
    return;
  }
  auto next = counted.instructions.begin();
  for (Measured& one : all) {
    if (!is_counted(*one.workload)) continue;
    const u64 once = *next++, twice = *next++;
    one.instructions = static_cast<double>(twice - once) / static_cast<double>(kCounted);
  }
}

int write_json(const nlohmann::json& json, const std::string& name) {
  const std::string text = json.dump(2) + '\n';
  if (name == "-") {
    std::cout << text;
    return kHeld;
  }
  std::ofstream file(name);
  if (!(file << text).flush()) return complain(name + " cannot be written", kUsage);
  return kHeld;
}

int run(const Options& options) {
  std::vector<const Workload*> selected;
  const std::vector<Workload> all_workloads = workloads();
  for (const Workload& one : all_workloads) {
    if (fnmatch(options.filter.c_str(), one.name, FNM_CASEFOLD) == 0) selected.push_back(&one);
  }
  if (selected.empty()) return complain("no workload is called " + options.filter, kNothing);
  if (options.list) {
    for (const Workload* one : selected) std::cout << one->name << "  " << one->what << '\n';
    return kHeld;
  }
  if (!is_rperm_right() || !is_rvpn_right())
    return complain("the random order is not that of the peers", kInternal);
  const u64 frames = options.is_small || options.only_count ? kSmallFrames : kMostFrames;
  if (!power_on(frames)) return complain("there is no room for the machine's memory", kInternal);
  if (options.only_count) return count(selected);

  std::vector<Measured> all;
  for (const Workload* one : selected) {
    Measured& measured = all.emplace_back(
        Measured{one, options.is_small ? one->operations / kSmaller : one->operations, {}});
    for (int round = 0; round < kRounds; ++round) {
      Stopwatch watch;
      if (!one->round(watch, measured.operations, frames)) return wrong(*one);
      measured.rounds.push_back(watch.taken());
    }
  }
  add_instructions(all, options);
  show(all, options.json == "-" ? std::cerr : std::cout);
  const int status = options.json.empty() ? kHeld : write_json(json_of(all, frames), options.json);
  if (!std::cout.flush()) return complain("standard output cannot be written", kUsage);
  return status;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("Measures mm, with the figures of its peers beside.", "pagetwin-bench");
  app.add_flag("--small", options.is_small, "A 64th of the size, in 40 MB (default: 2.7 GB)");
  app.add_option("--filter", options.filter, "Only workloads of such a name (F3*)");
  app.add_option("--json", options.json, "Write the figures as JSON, too (-: standard output)");
  app.add_flag("--list", options.list, "Name the workloads, and measure nothing");
  app.add_flag("--only-count", options.only_count)->group("");
  app.footer(
      "Exit status: 0 measured; 1 a workload left mm in a wrong state; 2 wrong usage, or a file\n"
      "that cannot be written; 3 an internal error; 5 nothing was selected.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return complain(std::string(error.what()) + " (--help says what there is)", kUsage);
  }
  return run(options);
} catch (const std::exception& error) {
  return complain(std::string("internal error: ") + error.what(), kInternal);
}
