// SPDX-License-Identifier: MPL-2.0
// What a harness insists on. A sentence that does not hold is a crash, which is how libFuzzer hears
// of it.
#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace fuzz {

// `more` is shown, too: of what it does not hold.
inline void must(bool holds, std::string_view sentence, std::string_view more = "") {
  if (holds) return;
  std::cerr << "It is not so that " << sentence << ".\n" << more << '\n';
  std::abort();
}

}  // namespace fuzz
