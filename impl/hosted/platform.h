// SPDX-License-Identifier: MPL-2.0
// The simulated machine as a platform: the only folder of impl/ that knows check/machine.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <utility>

#include "check/machine/cpu.h"
#include "check/machine/entries.h"
#include "check/machine/memory.h"
#include "check/machine/touch.h"
#include "impl/globals.h"
#include "impl/hosted/landing.h"
#include "impl/platform/plain_words.h"

namespace mm {

namespace hosted {
// What a CPU did for the kernel in a user's memory: where the first pages are that it reached; for
// which pages it walked, a bit each, the one that faulted included; and that one's error code.
struct UserAccess {
  std::array<PhysAddr, check::machine::Copied::kKept> pages{};
  u64 walked = 0;
  u32 error_code = 0;
};
}  // namespace hosted

struct Hosted : PlainWords, MappedEntries<check::machine::kMemoryBase> {
#if PAGETWIN_TSAN
  static auto acquire(const auto& word) noexcept {
    return word.load(std::memory_order_acquire);  // It does not model fences.
  }
#endif

  static Globals<Hosted>& globals() noexcept {
    static constinit Globals<Hosted> the_globals;
    return the_globals;
  }

  [[noreturn]] static void panic(Panic code, const char* why) noexcept { hosted::panic(code, why); }

  // For the binding only: the machine's memory and CPUs; where a panic lands; on which CPU an
  // operation is asked; where the memory and the slots of a machine to be booted are; what a CPU
  // does by itself (below).
  static void power_on() noexcept { check::machine::power_on(); }
  static Panic guarded(auto&& body) noexcept { return hosted::guarded(body); }
  static void become(u32 cpu) noexcept { check::machine::become(cpu); }
  static void reset_machine(u64 pages) noexcept {
    let_interrupt(0);
    check::machine::reset_cpus();
    check::machine::install_pages(pages);
  }
  static constexpr u64 kColdMemoryBase = check::machine::kColdMemoryBase;
  static constexpr u64 kColdSlotsBase = check::machine::kColdSlotsBase;

  static constexpr u64 kMemoryBase = check::machine::kMemoryBase;
  static constexpr u64 kSlotsBase = check::machine::kSlotsBase;
  static void hide(const void* from, usize bytes) noexcept { check::machine::hide(from, bytes); }
  static void show(const void* from, usize bytes) noexcept { check::machine::show(from, bytes); }
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }

  static constexpr u32 kMostCpus = check::machine::cpus.size();
  static u32 this_cpu() noexcept { return check::machine::this_cpu(); }
  static u32 cpu_count() noexcept { return kMostCpus; }
  static u64 disable_interrupts() noexcept {
    return std::exchange(cpu().takes_interrupts, false) ? 1 : 0;
  }
  static void restore_interrupts(u64 saved) noexcept { cpu().takes_interrupts = saved != 0; }
  static void disable_preemption() noexcept { ++cpu().preemption_disabled; }
  static void enable_preemption() noexcept {
    if (--cpu().preemption_disabled == 0) ++cpu().quiescent_count;
  }
  static PhysAddr root() noexcept { return {cpu().root}; }
  static void set_root(PhysAddr root) noexcept { cpu().write_cr3(root.value); }
  static void spin_hint() noexcept {
    if (!interrupt_others()) relax();
  }
  static void relax() noexcept { __builtin_ia32_pause(); }

  static void flush_page(VirtAddr at) noexcept { cpu().invlpg(at.value); }
  static void flush_all() noexcept { cpu().flush_all(); }
  static void flush_all_and_global() noexcept { cpu().flush_all_and_global(); }
  static usize copy_from_user(void* bytes, VirtAddr at, usize n) noexcept {
    return note(check::machine::copy_from(this_cpu(), bytes, at.value, n));
  }
  static usize copy_to_user(VirtAddr at, const void* bytes, usize n) noexcept {
    return note(check::machine::copy_to(this_cpu(), at.value, bytes, n));
  }
  static std::optional<u32> load_user(VirtAddr at) noexcept {
    return note(check::machine::load_word(this_cpu(), at.value));
  }
  static std::optional<u32> compare_exchange_user(VirtAddr at, u32 expected, u32 desired) noexcept {
    return note(check::machine::exchange_word(this_cpu(), at.value, expected, desired));
  }

  // What this CPU did in the last of these four.
  static hosted::UserAccess& user_access() noexcept { return user_accesses_[this_cpu()]; }

  // An interrupt is held back until its CPU takes it, or is made to while another waits.
  static void run_on(u64 set, void (*run)(void*) noexcept, void* with) noexcept {
    for (u32 i = 0; i < kMostCpus; ++i) {
      if ((set >> i & 1) != 0) check::machine::cpus[i].send(run, with);
    }
  }
  // This CPU takes what was held back. False if there is nothing.
  static bool take_interrupt() noexcept { return cpu().take_interrupt(); }
  // Whoever spins lets these CPUs take theirs, from now on. Requires that only one CPU goes at a
  // time: the caller's thread is each of them, one after another.
  static void let_interrupt(u64 set) noexcept { may_interrupt_ = set; }
  // False if none of them has any.
  static bool interrupt_others() noexcept {
    if (may_interrupt_ == 0) return false;
    const u32 caller = this_cpu();
    bool has_any = false;
    for (u32 i = 0; i < kMostCpus; ++i) {
      if ((may_interrupt_ >> i & 1) == 0 || i == caller) continue;
      become(i);
      has_any |= take_interrupt();
    }
    become(caller);
    return has_any;
  }

  // From now on it is watched what this CPU learns of addresses below `end`; and whether some CPU
  // still knows a way, learned so, to these bytes.
  static void watch(u64 end) noexcept { cpu().watched_end = end; }
  static bool could_reach(PhysAddr at, usize bytes) noexcept {
    for (const check::machine::Cpu& one : check::machine::cpus) {
      if (one.could_reach(at.value, at.value + bytes)) return true;
    }
    return false;
  }

  static u64 quiescent_count(u32 i) noexcept { return check::machine::cpus[i].quiescent_count; }

  // This CPU loads (0), stores (1: what is there) or fetches (2) a byte, with EFLAGS.AC or without.
  struct Touched {
    bool is_ok;
    bool is_page_fault;
    bool has_walked;  // It did not use what its TLB had.
    u32 error_code;   // After a page fault.
    PhysAddr at;      // If it is ok.
  };
  static Touched touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept;
  static void set_control(bool wp, bool smep, bool smap, bool nxe) noexcept;
  // What the raw bytes of a tree of tables say: see(entry) for each entry; check/machine/entries.h.
  static void each_entry(PhysAddr root, u32 levels, u64 begin, u64 last, auto&& see) noexcept {
    check::machine::for_each_entry(root.value, static_cast<int>(levels), begin, last, see);
  }

 private:
  static inline u64 may_interrupt_ = 0;
  static inline std::array<hosted::UserAccess, kMostCpus> user_accesses_{};

  static usize note(const check::machine::Copied& done) noexcept {
    hosted::UserAccess& seen = user_access();
    for (usize i = 0; i < seen.pages.size(); ++i) seen.pages[i] = {done.pages[i]};
    seen.walked = done.walked;
    seen.error_code = done.last.error_code;
    return done.bytes;
  }
  static std::optional<u32> note(const check::machine::Word& done) noexcept {
    const check::machine::Touch& touch = done.touch;
    user_access() = {{PhysAddr{touch.address & ~(kPageSize - 1)}}, touch.was_known ? 0u : 1u,
                     touch.error_code};
    if (!touch.ok()) return std::nullopt;
    return done.value;
  }

  static check::machine::Cpu& cpu() noexcept { return check::machine::cpus[this_cpu()]; }
};

inline Hosted::Touched Hosted::touch(VirtAddr at, u8 access, bool is_user, bool ac) noexcept {
  using namespace check::machine;
  constexpr std::array kAccesses = {Access::load, Access::store, Access::fetch};
  cpu().control.ac = ac;
  const Touch seen =
      check::machine::touch(this_cpu(), at.value, kAccesses[access],
                            is_user ? Privilege::user : Privilege::supervisor, std::nullopt);
  return {seen.ok(),
          seen.outcome == Outcome::page_fault,
          !seen.was_known && seen.outcome != Outcome::general_protection,
          seen.error_code,
          {seen.address}};
}

inline void Hosted::set_control(bool wp, bool smep, bool smap, bool nxe) noexcept {
  check::machine::Control next = cpu().control;
  next.wp = wp, next.smep = smep, next.smap = smap, next.nxe = nxe;
  cpu().set_control(next);
}

static_assert(Platform<Hosted>);

}  // namespace mm
