// SPDX-License-Identifier: MPL-2.0
// The instructions that C++ has no word for: a function each, and no other file has any.
#pragma once

#include "impl/base/types.h"

namespace bare::cpu {

using mm::u16, mm::u32, mm::u64, mm::u8;

inline void cli() noexcept { asm volatile("cli" ::: "memory"); }
// Takes whatever interrupts are pending: none is taken right after sti.
inline void take_pending() noexcept { asm volatile("sti\n nop\n cli" ::: "memory"); }
// EFLAGS.AC: suspends SMAP. Pushed and popped, for not every CPU has the instructions.
inline void stac() noexcept {
  asm volatile("pushfq\n orq $0x40000, (%%rsp)\n popfq" ::: "memory", "cc");
}
inline void clac() noexcept {
  asm volatile("pushfq\n andq $~0x40000, (%%rsp)\n popfq" ::: "memory", "cc");
}
inline void hlt() noexcept { asm volatile("hlt" ::: "memory"); }
inline void pause() noexcept { asm volatile("pause" ::: "memory"); }
[[noreturn]] inline void ud2() noexcept { __builtin_trap(); }

inline void outb(u16 port, u8 value) noexcept {
  asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
inline void outl(u16 port, u32 value) noexcept {
  asm volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}
inline void outw(u16 port, u16 value) noexcept {
  asm volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
inline u8 inb(u16 port) noexcept {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

struct Cpuid {
  u32 eax, ebx, ecx, edx;
};
inline Cpuid cpuid(u32 leaf) noexcept {
  Cpuid out;
  asm volatile("cpuid"
               : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
               : "a"(leaf), "c"(0));
  return out;
}

inline constexpr u32 kPat = 0x277, kEfer = 0xc000'0080, kGsBase = 0xc000'0101;
inline constexpr u64 kEferNxe = 1 << 11;
inline u64 rdmsr(u32 which) noexcept {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(which));
  return u64{high} << 32 | low;
}
inline void wrmsr(u32 which, u64 value) noexcept {
  asm volatile("wrmsr" ::"c"(which), "a"(static_cast<u32>(value)),
               "d"(static_cast<u32>(value >> 32))
               : "memory");
}

inline constexpr u64 kCr0Wp = 1 << 16, kCr0Am = 1 << 18;
inline constexpr u64 kCr4Pge = 1 << 7, kCr4Smep = 1 << 20, kCr4Smap = 1 << 21;
inline u64 read_cr0() noexcept {
  u64 value;
  asm volatile("movq %%cr0, %0" : "=r"(value));
  return value;
}
inline void write_cr0(u64 value) noexcept {
  asm volatile("movq %0, %%cr0" ::"r"(value) : "memory");
}
inline u64 read_cr2() noexcept {
  u64 value;
  asm volatile("movq %%cr2, %0" : "=r"(value));
  return value;
}
inline u64 read_cr3() noexcept {
  u64 value;
  asm volatile("movq %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr3(u64 value) noexcept {
  asm volatile("movq %0, %%cr3" ::"r"(value) : "memory");
}
inline u64 read_cr4() noexcept {
  u64 value;
  asm volatile("movq %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(u64 value) noexcept {
  asm volatile("movq %0, %%cr4" ::"r"(value) : "memory");
}
inline void invlpg(u64 at) noexcept { asm volatile("invlpg (%0)" ::"r"(at) : "memory"); }

struct [[gnu::packed]] TablePointer {
  u16 limit;
  u64 base;
};
inline void lidt(const TablePointer& table) noexcept { asm volatile("lidt %0" ::"m"(table)); }
// With the segments of it: `code` for the code, `data` for all others but the stack's, which is 0.
// What ring 3 may have is not taken from the CPU when it goes there.
inline void lgdt(const TablePointer& table, u16 code, u16 data) noexcept {
  asm volatile(
      "lgdt %0\n"
      "movl %k2, %%ds\n movl %k2, %%es\n movl %k2, %%fs\n movl %k2, %%gs\n movl %k3, %%ss\n"
      "pushq %q1\n leaq 1f(%%rip), %%rax\n pushq %%rax\n lretq\n1:" ::"m"(table),
      "r"(u64{code}), "r"(u32{data}), "r"(u32{0})
      : "rax", "memory");
}
inline void ltr(u16 selector) noexcept { asm volatile("ltr %0" ::"r"(selector)); }

// The word at offset 0 of what GS points to.
template <class T>
T* gs_self() noexcept {
  T* self;
  asm volatile("movq %%gs:0, %0" : "=r"(self));
  return self;
}

// Of words that programs agree on with the kernel.
// ORDER: seq_cst, as all of this CPU's loads, and its locked instructions, are.
inline u32 load_word(u64 at) noexcept {
  u32 value;
  asm volatile("movl (%1), %0" : "=r"(value) : "r"(at) : "memory");
  return value;
}
// What was there.
inline u32 compare_exchange_word(u64 at, u32 expected, u32 desired) noexcept {
  asm volatile("lock cmpxchgl %2, (%1)" : "+a"(expected) : "r"(at), "r"(desired) : "memory", "cc");
  return expected;
}

// Copies up. The bytes that were not copied, if a fault ended it (trap.cpp).
extern "C" u64 copy_bytes(void* to, const void* from, u64 bytes) noexcept;  // probe.S
// What load_word() and compare_exchange_word() would say, and bit 32; 0 after a fault.
extern "C" u64 try_load_word(u64 at) noexcept;
extern "C" u64 try_exchange_word(u64 at, u32 expected, u32 desired) noexcept;

}  // namespace bare::cpu
