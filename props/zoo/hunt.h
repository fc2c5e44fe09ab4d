// SPDX-License-Identifier: MPL-2.0
// Looks for a planted bug as for any other: with the ordinary generators and the ordinary judges.
#pragma once

#include <string>
#include <string_view>

#include "props/properties.h"
#include "props/zoo/bug.h"
#include "trace/trace.h"

namespace zoo {

// The sanitizer this program is linked with, which then is an oracle too: "asan", "tsan" or "".
std::string_view sanitizer();
// False: it is none, for mm is elsewhere.
inline bool is_sanitizer_an_oracle = true;

// Starts the program anew, if need be, with what its sanitizer needs to know.
void set_options(char** arguments);

// Which oracle of a property finds a trace wrong; empty if none does. Lanes at once are tried under
// schedules: all of few switches if `thoroughly`, else a few that are drawn.
std::string_view fault_of(const props::Property& property, trace::Trace& trace, bool thoroughly);

// What is known so far. Plain, so that it can be seen from outside should the bug end the process.
struct Hunted {
  bool is_found = false;
  bool is_over = false;
  char oracle[16] = {};     // That saw the shrunk trace fail.
  double seconds = 0;       // Until the first failing trace.
  std::uint64_t cases = 0;  // Tried by then.
  unsigned ops = 0, shrunk_ops = 0;
  char trace[4000] = {};  // The shrunk one, for people.
};

// Hunts the bug that is switched on with a property's traces and judge, for as long as the process
// is let live, and shrinks what it finds. Once that has as few operations as are `enough`, it is
// left as it is.
void hunt(const props::Property& property, std::uint64_t seed, Hunted& hunted,
          std::size_t enough = 0);

// The same, for so many cases, without shrinking.
void find(const props::Property& property, std::uint64_t seed, std::uint64_t most_cases,
          Hunted& hunted);

// Tries every trace shorter than the bug's `min_ops` on the smallest machine.
struct Tried {
  unsigned long traces = 0;
  bool has_failed = false;
  bool is_over = false;
  char trace[4000] = {};  // One that failed.
};
void try_all_shorter(const Bug& bug, Tried& tried);

void put(const trace::Trace& trace, char (&into)[4000]);

}  // namespace zoo
