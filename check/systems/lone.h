// SPDX-License-Identifier: MPL-2.0
// The machine as it is, of which one lane at a time makes use: nobody will ever give back the lock
// that it waits for, so to wait is a fault, and is told as such; but for who waits until others
// have taken their interrupts.
#pragma once

#include "impl/hosted/platform.h"

namespace check {

struct Lone : mm::Hosted {
  static void spin_hint() noexcept {
    if (interrupt_others()) return;
    panic(mm::Panic::broken, "a lock is waited for that nobody will give back");
  }
};

}  // namespace check
