// SPDX-License-Identifier: MPL-2.0
// The machine as it is, of which one lane at a time makes use: nobody will ever give back the lock
// that it waits for, so to wait is a fault, and is told as such.
#pragma once

#include "impl/hosted/platform.h"

namespace check {

struct Lone : mm::Hosted {
  [[noreturn]] static void spin_hint() noexcept {
    panic(mm::Panic::broken, "a lock is waited for that nobody will give back");
  }
};

}  // namespace check
