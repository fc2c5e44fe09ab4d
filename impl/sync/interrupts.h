// SPDX-License-Identifier: MPL-2.0
// While it lives, this CPU takes no interrupt: what is the CPU's own is then ours alone.
#pragma once

#include "impl/platform/platform.h"

namespace mm {

template <Platform P>
class InterruptsOff {
 public:
  InterruptsOff() noexcept : saved_(P::disable_interrupts()) {}
  InterruptsOff(const InterruptsOff&) = delete;
  InterruptsOff& operator=(const InterruptsOff&) = delete;
  ~InterruptsOff() { P::restore_interrupts(saved_); }

 private:
  u64 saved_;
};

}  // namespace mm
