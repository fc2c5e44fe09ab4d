// SPDX-License-Identifier: MPL-2.0
// The verb `check`: runs every property, in turn, for a while; and shows what was found.
#pragma once

#include "check/cli/subject.h"

namespace check::cli {

// Adds the verb. `status` is what the process shall exit with: 0 all held, 1 a counterexample,
// 2 usage, 3 an internal error, 4 cases are in doubt, or the traces were in ill health, 5 nothing
// was selected, 130 interrupted. What `--on` can name besides "hosted" is the guest (guest.h).
void add_check(CLI::App& app, int& status, Subjects subjects);

}  // namespace check::cli
