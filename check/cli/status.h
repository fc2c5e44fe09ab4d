// SPDX-License-Identifier: MPL-2.0
// What the command line exits with, for scripts.
#pragma once

#include <stdexcept>
#include <string>

namespace check::cli {

enum ExitStatus : int {
  kHeld = 0,            // All held; or what was asked for is done.
  kCounterexample = 1,  // The system and the model disagree.
  kUsage = 2,           // A wrong command line; a file that cannot be read or written; no guest.
  kInternal = 3,        // The framework itself is at fault.
  kHealth = 4,          // It could not be decided, or too little was asked.
  kNothing = 5,         // Nothing was selected.
  kInterrupted = 130,   // What was had by then has been written.
};

// Ends what was asked for, with a sentence.
struct Stop : std::runtime_error {
  Stop(ExitStatus with, const std::string& why) : std::runtime_error(why), status(with) {}
  ExitStatus status;
};

inline constexpr const char* kExitStatuses =
    "Exit status: 0 all held, or done; 1 a counterexample; 2 wrong usage, or a file that cannot "
    "be\n"
    "read or written; 3 an internal error; 4 undecided, or in ill health; 5 nothing was selected;\n"
    "130 interrupted.";

}  // namespace check::cli
