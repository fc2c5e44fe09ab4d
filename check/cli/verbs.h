// SPDX-License-Identifier: MPL-2.0
// The verbs on files. Each adds itself, and leaves in `status` what the process shall exit with.
#pragma once

#include <CLI/CLI.hpp>

#include "check/cli/subject.h"

namespace check::cli {

// `replay FILE...`: asks the system and the model what the file asks, and says where they part.
void add_replay(CLI::App& app, int& status, Subjects subjects);
// `shrink FILE`: looks for the simplest trace that still diverges.
void add_shrink(CLI::App& app, int& status, Subjects subjects);
// `show FILE`: a trace or a report, for people.
void add_show(CLI::App& app, int& status, const Subject& subject);
// `convert FILE`: JSON to bytes, and back.
void add_convert(CLI::App& app, int& status);
// `schema trace|report`: the JSON Schema of a kind of file.
void add_schema(CLI::App& app, int& status);

}  // namespace check::cli
