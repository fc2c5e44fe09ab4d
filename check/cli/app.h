// SPDX-License-Identifier: MPL-2.0
// The command line as a whole: reads it, runs the verb, and ends with a status (status.h) and, if
// something was wrong with it, one sentence.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "check/cli/subject.h"

namespace check::cli {

// Adds verbs of a program's own.
using MoreVerbs = std::function<void(CLI::App& app, int& status)>;

int run_app(int argc, char** argv, Subjects subjects, const MoreVerbs& more);

}  // namespace check::cli
