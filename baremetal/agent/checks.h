// SPDX-License-Identifier: MPL-2.0
// What the image finds when it looks at itself: how many things it has looked at, and, in words on
// the serial line, what of them does not hold.
#pragma once

#include "baremetal/x86_64/processor.h"
#include "baremetal/x86_64/serial.h"

namespace bare {

class Checks {
 public:
  // Whether it holds.
  bool expect(const char* what, bool holds) noexcept {
    ++count_;
    if (holds) return true;
    ++faults_;
    serial::line("CPU ", u64{this_processor().number}, ": it does not hold that ",
                 std::string_view(what));
    return false;
  }
  u32 count() const noexcept { return count_; }
  u32 faults() const noexcept { return faults_; }

 private:
  u32 count_ = 0, faults_ = 0;
};

}  // namespace bare
