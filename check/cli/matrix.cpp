// SPDX-License-Identifier: MPL-2.0
#include "check/cli/matrix.h"

#include <iomanip>
#include <iostream>
#include <memory>

#include "check/cli/status.h"
#include "props/matrix/simulated.h"
#include "props/matrix/words.h"

namespace check::cli {

namespace {

namespace matrix = props::matrix;

void show(const std::string& name, const matrix::Count& count) {
  std::cout << std::left << std::setw(8) << name << std::right << std::setw(12) << count.cases
            << std::setw(12) << count.mismatches << std::setw(9) << std::fixed
            << std::setprecision(2) << count.seconds << " s\n";
}

int ask_all(matrix::Breadth breadth) {
  matrix::Simulated cpu;
  const matrix::Findings findings = matrix::run(cpu, breadth);
  std::cout << "pages          cases  mismatches       time\n";
  for (int level = 1; level <= matrix::kLeafLevels; ++level) {
    show(matrix::size_name(level), findings.sizes[static_cast<std::size_t>(level - 1)]);
  }
  show("all", findings.total());
  for (const matrix::Mismatch& mismatch : findings.first) std::cout << '\n' << in_words(mismatch);
  const bool agrees = findings.total().mismatches == 0;
  std::cout << (agrees ? "the simulated CPU does what the reference says\n"
                       : "\nthe simulated CPU does not do what the reference says\n");
  return agrees ? kHeld : kCounterexample;
}

}  // namespace

void add_matrix(CLI::App& app, int& status) {
  auto is_small = std::make_shared<bool>(false);
  CLI::App* const verb = app.add_subcommand(
      "matrix", "Ask the simulated CPU every combination of rights, accesses and control flags");
  verb->add_flag("--small", *is_small, "Only cases in which all tables are alike, and present");
  verb->callback([is_small, &status] {
    status = ask_all(*is_small ? matrix::Breadth::alike : matrix::Breadth::all);
  });
}

}  // namespace check::cli
