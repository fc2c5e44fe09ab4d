// SPDX-License-Identifier: MPL-2.0
// In what two states differ, in words.
#pragma once

#include <string>
#include <vector>

#include "check/verdict.h"

namespace check {

struct Differing {
  std::string subject{};  // "page 6", "space at 0x1000"; empty: it is in the text.
  std::string text{};     // "count expected 1, seen 2"
};

// Free blocks, then pages, then what tables map; each once, and upwards.
std::vector<Differing> what_differs(const Divergence& diverged);

}  // namespace check
