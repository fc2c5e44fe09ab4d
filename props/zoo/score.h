// SPDX-License-Identifier: MPL-2.0
// What hunts are asked for, and how they are told of: a line for each bug, a summary, and JSON.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "check/cli/status.h"
#include "props/zoo/hunt.h"

namespace zoo {

using Json = nlohmann::json;

// Exit statuses are those of pagetwin. This is the one for what did not go as the list says.
inline constexpr int kNotAsListed = check::cli::kCounterexample;

struct Options {
  std::string json, oracle, bug;
  unsigned seeds = 3, first_seed = 1;
  double seconds = 20;
  bool list = false, verbose = false;

  // For people, who are told elsewhere if JSON goes to standard output.
  std::ostream& people() const { return json == "-" ? std::cerr : std::cout; }
};
void add_options(CLI::App& app, Options& options);

// Whether it was selected by --oracle and --bug.
bool is_selected(const Bug& bug, const Options& options);
// What --list says.
void list(const Bug& bug);

// Of one hunt. `death` is how its process died.
Json row_of(const Bug& bug, unsigned seed, const Hunted& hunted, const std::string& death);

void write(const Json& json, const Options& options);

// Of all hunts of all bugs.
class Score {
 public:
  explicit Score(const Options& options) : options_(options) {}

  // The hunts of one bug.
  void take(const Bug& bug, std::vector<Json> rows);
  // The summary. Whether all went as the list says; nine of ten must shrink to the declared
  // minimum.
  bool tell();
  const Json& rows() const { return all_; }

 private:
  const Options& options_;
  Json all_ = Json::array();
  std::vector<double> times_alone_{}, times_at_once_{};
  unsigned bugs_ = 0, hunts_ = 0, found_ = 0, named_ = 0, minimal_ = 0, smaller_ = 0;
};

}  // namespace zoo
