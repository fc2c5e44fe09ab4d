// SPDX-License-Identifier: MPL-2.0
// pagetwin: mm on the simulated machine, or in the guest, judged by the reference.
#include "check/cli/main.h"

#include "check/cli/check.h"
#include "check/cli/guest.h"
#include "check/cli/matrix.h"
#include "check/systems/mm.h"

namespace {

using namespace check::cli;

}  // namespace

int main(int argc, char** argv) {
  std::array subjects = {subject_of<check::MmAlone, check::MmAtOnce>("mm on hosted"),
                         guest_subject()};
  subjects[0].on = "hosted";
  return run_app(argc, argv, subjects, [&](CLI::App& app, int& status) {
    add_check(app, status, subjects);
    add_matrix(app, status, subjects);
    add_guest(app, status);
  });
}
