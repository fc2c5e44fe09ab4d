// SPDX-License-Identifier: MPL-2.0
// pagetwin: mm on the simulated machine, judged by the reference.
#include "check/cli/main.h"

#include "check/cli/check.h"
#include "check/systems/mm.h"

int main(int argc, char** argv) {
  return check::cli_main<check::MmAlone, check::MmAtOnce>(argc, argv, "mm on hosted",
                                                          check::cli::add_check);
}
