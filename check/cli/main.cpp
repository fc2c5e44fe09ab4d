// SPDX-License-Identifier: MPL-2.0
// pagetwin: mm on the simulated machine, judged by the reference.
#include "check/cli/main.h"

#include "check/cli/check.h"
#include "check/cli/matrix.h"
#include "check/systems/mm.h"

namespace {

void add_verbs(CLI::App& app, int& status) {
  check::cli::add_check(app, status);
  check::cli::add_matrix(app, status);
}

}  // namespace

int main(int argc, char** argv) {
  return check::cli_main<check::MmAlone, check::MmAtOnce>(argc, argv, "mm on hosted", add_verbs);
}
