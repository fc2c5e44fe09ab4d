// SPDX-License-Identifier: MPL-2.0
// The real machine as a platform: what mm asks of it, and what the binding wants besides
// (check/bind/system.h). Each lane is a CPU. Interrupts are held back, so that it is the tests that
// choose when one comes: a CPU takes them when it is told to (trace/ops/tlb.h).
#pragma once

#include <utility>

#include "baremetal/x86_64/entries.h"
#include "baremetal/x86_64/processor.h"
#include "impl/globals.h"
#include "impl/platform/plain_words.h"

namespace bare {

using mm::Panic, mm::PhysAddr, mm::VirtAddr;

struct X86_64 : mm::PlainWords, mm::MappedEntries<kLinearBase> {
  static mm::Globals<X86_64>& globals() noexcept {
    static constinit mm::Globals<X86_64> the_globals;
    return the_globals;
  }

  // Control returns to the last guarded() of this CPU; outside of every one the guest is over.
  [[noreturn, gnu::cold, gnu::noinline]] static void panic(Panic code, const char* why) noexcept {
    Landing& here = own().landing;
    if (!here.is_awaited) crash(why);
    here.code = code;
    __builtin_longjmp(here.where.data(), 1);
  }
  // Apart, as on the simulated machine (impl/hosted/landing.h).
  [[gnu::noinline]] static void run_apart(auto&& body) noexcept { body(); }
  [[gnu::noinline]] static Panic guarded(auto&& body) noexcept {
    Landing& here = own().landing;
    here.code = Panic::none;
    here.is_awaited = true;
    if (__builtin_setjmp(here.where.data()) == 0) run_apart(body);
    own().landing.is_awaited = false;  // `here` did not survive the jump.
    return own().landing.code;
  }

  // Before all pages are made anew, among which are tables that CPUs may translate by.
  static void power_on() noexcept { reset_machine(0); }
  // Who asks for a lane is on its CPU already, but for the first state, which CPU 0 makes.
  static void become(u32) noexcept {}
  static void reset_machine(u64 pages) noexcept;
  static void reset_cpu() noexcept;  // Whatever this one was told by tests is undone.

  static constexpr u64 kMemoryBase = kLinearBase;
  static constexpr u64 kSlotsBase = kLinearBase + kSlotsAt;
  static constexpr u64 kColdMemoryBase = kLinearBase + kColdMemoryAt;
  static constexpr u64 kColdSlotsBase = kLinearBase + kColdSlotsAt;
  static void hide(const void*, usize) noexcept {}
  static void show(const void*, usize) noexcept {}
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }

  static constexpr u32 kMostCpus = bare::kMostCpus;
  static u32 this_cpu() noexcept { return own().number; }
  static u32 cpu_count() noexcept { return kMostCpus; }
  // Interrupts that are held back cannot come; what is disabled here is that they are taken.
  static u64 disable_interrupts() noexcept {
    return std::exchange(own().takes_interrupts, false) ? 1 : 0;
  }
  static void restore_interrupts(u64 saved) noexcept { own().takes_interrupts = saved != 0; }
  static void disable_preemption() noexcept { ++own().preemption_disabled; }
  static void enable_preemption() noexcept {
    if (--own().preemption_disabled != 0) return;
    // ORDER: none needed: what mm concludes from it, it orders itself (impl/sync/deferred.h).
    own().quiescent_count.fetch_add(1, std::memory_order_relaxed);
  }
  static u64 quiescent_count(u32 cpu) noexcept {
    return processors[cpu].quiescent_count.load(std::memory_order_relaxed);
  }

  static PhysAddr root() noexcept { return {own().root}; }
  static void set_root(PhysAddr root) noexcept;
  static void flush_page(VirtAddr at) noexcept;
  static void flush_all() noexcept;
  static void flush_all_and_global() noexcept;
  static usize copy_from_user(void* bytes, VirtAddr at, usize n) noexcept;
  static usize copy_to_user(VirtAddr at, const void* bytes, usize n) noexcept;
  static std::optional<u32> load_user(VirtAddr at) noexcept;
  static std::optional<u32> compare_exchange_user(VirtAddr at, u32 expected, u32 desired) noexcept;

  static UserAccess& user_access() noexcept { return own().user_access; }

  // One lane goes at a time: nobody gives a lock back meanwhile, and whoever waits for CPUs to take
  // their interrupts does not wait for ever.
  static void spin_hint() noexcept {
    const bool is_hopeless = may_interrupt.load(std::memory_order_relaxed) == 0;
    if (is_hopeless || ++spins_ == kMostSpins) {
      spins_ = 0;
      panic(Panic::broken, is_hopeless ? "a lock is waited for that nobody will give back"
                                       : "an interrupt is waited for that does not come");
    }
    relax();
  }
  static void relax() noexcept { cpu::pause(); }

  static void run_on(u64 set, void (*run)(void*) noexcept, void* with) noexcept;
  static bool take_interrupt() noexcept { return bare::take_interrupt(); }
  // These CPUs take what they are sent whenever they wait, from now on.
  static void let_interrupt(u64 set) noexcept {
    spins_ = 0;
    // ORDER: release pairs with the acquire in wait_a_moment().
    may_interrupt.store(set, std::memory_order_release);
  }

  // From now on it is noted what this CPU learns of addresses below `end`; and whether some CPU may
  // still know a way, learned so, to these bytes.
  static void watch(u64 end) noexcept { own().watched_end = end; }
  static bool could_reach(PhysAddr at, usize bytes) noexcept;

  // A real access of one byte (touch.cpp).
  struct Touched {
    bool is_ok;
    bool is_page_fault;
    bool has_walked;
    u32 error_code;
    PhysAddr at;
  };
  // Whether it can be said what comes of it, and nothing of ours is in its way.
  static bool can_touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept;
  static Touched touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept;
  static void set_control(bool wp, bool smep, bool smap, bool nxe) noexcept {
    own().set_control({wp, smep, smap, nxe});
  }

  // What the raw bytes of a tree of tables say: see(entry) for each that is occupied.
  static void each_entry(PhysAddr root, u32 levels, u64 begin, u64 last, auto&& see) noexcept {
    for_each_entry(root.value, levels, begin, last, see);
  }

 private:
  static constexpr u32 kMostSpins = 1 << 14;
  static inline u32 spins_ = 0;

  static Processor& own() noexcept { return this_processor(); }
};

static_assert(mm::Platform<X86_64>);

}  // namespace bare
