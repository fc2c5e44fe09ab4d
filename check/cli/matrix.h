// SPDX-License-Identifier: MPL-2.0
// The verb `matrix`: asks the simulated CPU every case of rights, and holds it against the
// reference.
#pragma once

#include <CLI/CLI.hpp>

namespace check::cli {

// Adds the verb. `status` is 0 if there is no mismatch, and else 1.
void add_matrix(CLI::App& app, int& status);

}  // namespace check::cli
