// SPDX-License-Identifier: MPL-2.0
// What a machine that looks at itself has found: each sentence that does not hold is said on the
// serial line, and in the end, how many were tried.
#pragma once

#include "baremetal/x86_64/processor.h"
#include "baremetal/x86_64/serial.h"

namespace bare {

class Checks {
 public:
  // Whether it does.
  bool expect(const char* what, bool holds) noexcept {
    ++count_;
    if (holds) return true;
    ++faults_;
    serial::line("CPU ", u64{this_processor().number}, ": it does not hold that ",
                 std::string_view(what));
    return false;
  }
  // Whether a CPU has kept what it did not have to forget: an engine that never does shows no flush
  // that is missing.
  void note_stale(bool was_kept) noexcept {
    ++could_keep_;
    kept_ += was_kept ? 1 : 0;
  }
  void tell() const noexcept {
    serial::line("checked: ", u64{count_}, ", faults: ", u64{faults_},
                 ", stale translations: ", u64{kept_}, " of ", u64{could_keep_});
  }
  u32 faults() const noexcept { return faults_; }

 private:
  u32 count_ = 0, faults_ = 0, could_keep_ = 0, kept_ = 0;
};

}  // namespace bare
