// SPDX-License-Identifier: MPL-2.0
// The verb `matrix`: asks the simulated CPU every case of rights, and holds it against the
// reference; or the CPU of the guest, and the simulated one too. Then it touches at random, if it
// is told to.
#pragma once

#include "check/cli/subject.h"

namespace check::cli {

// Adds the verb. `status` is 0 if there is no mismatch, and else 1. Throws Stop if there is no
// guest.
void add_matrix(CLI::App& app, int& status, Subjects subjects);

}  // namespace check::cli
