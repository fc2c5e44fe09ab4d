// SPDX-License-Identifier: MPL-2.0
// What a trap leaves behind, and who looks at it: whoever awaits one; the copies that may fault; an
// interrupt's handler. All others crash.
#pragma once

#include "baremetal/x86_64/layout.h"

namespace bare {

// As trap.S and the CPU have pushed it.
struct Trap {
  u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
  u64 vector, error;
  u64 rip, cs, rflags, rsp, ss;
};

enum Vector : u64 {
  kDebug = 1,
  kBreakpoint = 3,
  kInvalidOpcode = 6,
  kDoubleFault = 8,
  kGeneralProtection = 13,
  kPageFault = 14,
  kInterrupt = 0x40,  // The one that CPUs send each other.
  kSpurious = 0xff,
};

// Where a CPU goes on after a trap that it awaits, and what it was. probe.S knows how it begins.
struct Awaited {
  u64 rip = 0, rsp = 0;  // Where to go on. 0: none is awaited.
  u64 vector = 0, error = 0, cr2 = 0, rax = 0;
};

// Of the last thing that went wrong. No trap: kNoVector.
struct CrashReport {
  static constexpr u64 kNoVector = 256;
  u64 vector = kNoVector, error = 0, cr2 = 0, rip = 0, cpu = 0;
  const char* text = "";
};

// Says it on the serial line; then `on_crash`, if there is one; then the guest is over.
[[noreturn, gnu::cold]] void crash(const CrashReport& report) noexcept;
[[noreturn, gnu::cold]] void crash(const char* text) noexcept;
extern void (*on_crash)(const CrashReport& report) noexcept;

}  // namespace bare
