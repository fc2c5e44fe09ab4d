// SPDX-License-Identifier: MPL-2.0
// pagetwin: mm on the simulated machine, judged by the reference.
#include "check/cli/main.h"

#include "check/bind/system.h"
#include "check/cli/check.h"
#include "check/explore/platform.h"
#include "impl/hosted/platform.h"

int main(int argc, char** argv) {
  using Alone = check::MmSystem<mm::Hosted>;
  using AtOnce = check::MmSystem<check::explore::Explored>;
  return check::cli_main<Alone, AtOnce>(argc, argv, "mm on hosted", check::cli::add_check);
}
