// SPDX-License-Identifier: MPL-2.0
// Instructions, which unlike nanoseconds are the same every time: a program is run again under
// callgrind, which counts what each timed piece of work executes.
#pragma once

#include <string>
#include <vector>

#include "impl/base/types.h"

namespace bench {

struct Counted {
  std::vector<mm::u64> instructions{};  // Of each timed piece of work, in order.
  std::string why{};                    // There are none, if not empty: a sentence.
};

Counted count_instructions(const std::vector<std::string>& program);

}  // namespace bench
