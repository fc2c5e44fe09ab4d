// SPDX-License-Identifier: MPL-2.0
// The machine as it is, of which one lane at a time makes use. Who waits, waits for another CPU to
// take an interrupt; if none can, nobody will ever give back what it waits for: that is a fault, and
// is told as such.
#pragma once

#include "impl/hosted/platform.h"

namespace check {

struct Lone : mm::Hosted {
  static void spin_hint() noexcept {
    bool is_held_back = false;
    for (mm::u32 i = 0; i < kMostCpus; ++i) {
      const machine::Cpu& cpu = machine::cpus[i];
      is_held_back |= i != this_cpu() && cpu.takes_interrupts && cpu.interrupt_handler != nullptr;
    }
    if (!is_held_back) panic(mm::Panic::broken, "a lock is waited for that nobody will give back");
    let_others_take_interrupts();
  }
};

}  // namespace check
