// SPDX-License-Identifier: MPL-2.0
// Switches a planted bug on before anything runs: the one that PAGETWIN_BUG names.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "props/zoo/list.h"
#include "props/zoo/on.h"

namespace {

int wanted_bug() {
  const char* const id = std::getenv("PAGETWIN_BUG");
  if (id == nullptr) return 0;
  for (int number = 1; const zoo::Bug& bug : zoo::kBugs) {
    if (bug.id == std::string_view(id)) return number;
    ++number;
  }
  std::cerr << "pagetwin-zoo-fuzz: there is no planted bug '" << id << "'\n";
  std::_Exit(2);
}

const int chosen = zoo::planted = wanted_bug();

}  // namespace
