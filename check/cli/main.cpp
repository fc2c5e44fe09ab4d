// SPDX-License-Identifier: MPL-2.0
// pagetwin: mm on the simulated machine, judged by the reference.
#include "check/cli/main.h"

#include "check/bind/system.h"
#include "check/explore/platform.h"
#include "impl/hosted/platform.h"
#if PAGETWIN_HAS_CHECK
#include "check/cli/check.h"
#endif

int main(int argc, char** argv) {
  using Alone = check::MmSystem<mm::Hosted>;
  using AtOnce = check::MmSystem<check::explore::Explored>;
  return check::cli_main<Alone, AtOnce>(argc, argv, "mm on hosted", [](CLI::App& app, int& status) {
#if PAGETWIN_HAS_CHECK
    check::cli::add_check(app, status);
#else
    (void)app, (void)status;
#endif
  });
}
