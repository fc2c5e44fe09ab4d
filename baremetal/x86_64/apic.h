// SPDX-License-Identifier: MPL-2.0
// The local APIC: interrupts from CPU to CPU, and the start of the others. Intel SDM vol. 3A, 11.
#pragma once

#include "baremetal/x86_64/cpu.h"
#include "baremetal/x86_64/layout.h"
#include "baremetal/x86_64/trap.h"

namespace bare::apic {

enum Register : u32 {
  kId = 0x20,
  kEndOfInterrupt = 0xb0,
  kSpuriousVector = 0xf0,
  kCommandLow = 0x300,
  kCommandHigh = 0x310,
};

inline volatile u32& at(Register which) noexcept { return *linear<volatile u32>(kApicAt + which); }

inline u32 id() noexcept { return at(kId) >> 24; }
inline void enable() noexcept { at(kSpuriousVector) = 0x100 | kSpurious; }
inline void end_of_interrupt() noexcept { at(kEndOfInterrupt) = 0; }

// The two 8259A, where there are any: a clock may tick there that nobody awaits, by a vector that
// is an exception's. Their masks: Intel 8259A, "operation command word 1".
inline void silence_predecessor() noexcept {
  cpu::outb(0x21, 0xff);
  cpu::outb(0xa1, 0xff);
}

inline void command(u32 to, u32 what) noexcept {
  at(kCommandHigh) = to << 24;
  at(kCommandLow) = what;
  while ((at(kCommandLow) & 1 << 12) != 0) cpu::pause();  // Not yet delivered.
}
inline void send(u32 to) noexcept { command(to, 1 << 14 | kInterrupt); }

// About so many microseconds: each write to a port that is nobody's takes one.
inline void wait(u32 microseconds) noexcept {
  for (u32 i = 0; i < microseconds; ++i) cpu::outb(0x80, 0);
}
// INIT, SIPI, SIPI.
inline void start(u32 to, u64 trampoline) noexcept {
  const u32 sipi = 0x4600 | static_cast<u32>(trampoline >> 12);
  command(to, 0x4500);
  wait(10000);
  for (int i = 0; i < 2; ++i) {
    command(to, sipi);
    wait(200);
  }
}

}  // namespace bare::apic
