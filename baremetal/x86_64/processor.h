// SPDX-License-Identifier: MPL-2.0
// What each CPU has of its own: descriptors and stacks; what it awaits; where a panic lands; the
// interrupt that it was sent; and what it was told to do by another CPU.
#pragma once

#include <array>
#include <atomic>
#include <type_traits>

#include "baremetal/x86_64/cpu.h"
#include "baremetal/x86_64/learned.h"
#include "baremetal/x86_64/trap.h"
#include "impl/addr/address.h"
#include "impl/base/panic.h"

namespace bare {

// Selectors. Data segments are the user's, in ring 0 too (cpu::lgdt).
inline constexpr u16 kKernelCode = 0x08, kUserData = 0x13, kUserCode = 0x1b, kTaskSegment = 0x20;
inline constexpr u64 kFlagsOfKernel = 2;  // No interrupts, no AC.

inline constexpr u32 kMostCpus = 4;

// The flags that decide about accesses, as a CPU has them after power_on(): see trace/machine.h.
struct Control {
  bool wp = true, smep = false, smap = false, nxe = true;
  bool operator==(const Control&) const = default;
};

struct Landing {
  std::array<void*, 5> where;
  bool is_awaited = false;
  mm::Panic code = mm::Panic::none;
};

// Intel SDM vol. 3A, figure 8-11. Its addresses are not aligned, so it is words.
struct TaskSegment {
  std::array<u32, 26> words{};

  void set_stack_of_ring_0(u64 top) noexcept { set(1, top); }
  void set_interrupt_stack(u32 number, u64 top) noexcept { set(7 + 2 * number, top); }
  void set_no_io_map() noexcept { words[25] = sizeof words << 16; }

 private:
  void set(u32 word, u64 top) noexcept {
    words[word] = static_cast<u32>(top);
    words[word + 1] = static_cast<u32>(top >> 32);
  }
};

// What this CPU did in its last copy from or to a program: where the first pages are that it
// reached, for which pages it walked, a bit each, the one that faulted included; and that one's
// error code.
struct UserAccess {
  std::array<mm::PhysAddr, 3> pages{};
  u64 walked = 0;
  u32 error_code = 0;
};

struct Processor {
  Processor* self;  // What GS:0 is.
  u32 number;
  Awaited awaited;
  Landing landing;

  Control control;
  u64 root;  // The test's table; 0: the agent's own.
  bool takes_interrupts;
  u32 preemption_disabled;
  std::atomic<u64> quiescent_count;
  u64 watched_end;  // See X86_64::watch().
  Learned learned;
  UserAccess user_access;

  // What interrupts are for: null, then they are for nothing. ORDER: release in run_on() pairs with
  // acquire in interrupted().
  using Handler = void (*)(void*) noexcept;
  std::atomic<Handler> handler;
  std::atomic<void*> handled_with;
  u64 interrupts;  // That came.

  // ORDER: what is to be done is written before `told`, with release, and what came of it before
  // `done`, likewise.
  std::atomic<u32> told, done;
  Handler job;
  void* job_with;

  std::array<u64, 6> gdt;
  TaskSegment task;

  // What it lacks of what tests ask for; null: nothing.
  static const char* lacks() noexcept;
  static bool is_set_up() noexcept { return is_set_up_; }
  // Descriptors, control registers, PAT, APIC: of the CPU that runs this.
  void set_up(u32 its_number) noexcept;
  // Real registers follow.
  void set_control(const Control& next) noexcept;
  void set_root(u64 next) noexcept;

  void interrupted() noexcept {
    ++interrupts;
    if (const Handler run = handler.load(std::memory_order_acquire)) {
      run(handled_with.load(std::memory_order_relaxed));
    }
  }

 private:
  static inline bool is_set_up_ = false;
};
static_assert(std::is_standard_layout_v<Processor>);

extern Processor processors[kMostCpus];
extern u32 processor_count;  // That are up.
inline Processor& this_processor() noexcept { return *cpu::gs_self<Processor>(); }

// Starts the others, so that there are up to `wanted`.
void start_others(u32 wanted) noexcept;

// Has `run(with)` run on a CPU, and waits. Requires that the caller is on CPU 0, or on that one.
void run_there(u32 on, Processor::Handler run, void* with) noexcept;

// The same on all of them at once, the caller's included. Requires that it is on CPU 0.
void run_everywhere(Processor::Handler run, void* with) noexcept;

// The CPUs that take interrupts whenever they wait; others hold them back.
inline std::atomic<u64> may_interrupt{0};
// This CPU takes what is pending, if it takes any. Whether something was.
bool take_interrupt() noexcept;
// A moment of waiting for another CPU.
void wait_a_moment() noexcept;

}  // namespace bare
