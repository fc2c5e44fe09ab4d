// SPDX-License-Identifier: MPL-2.0
// The real machine as a kernel's platform: no tests choose anything. Memory and slots are where the
// layout has them (A.2), all of RAM is the kernel's, interrupts come when they come, and a panic is
// the end.
#pragma once

#include "baremetal/x86_64/platform.h"
#include "impl/vm/layout.h"

namespace bare {

// With the right to reach what is the user's, in spite of SMAP.
auto as_user(auto&& access) noexcept {
  cpu::stac();
  const auto done = access();
  cpu::clac();
  return done;
}

struct Kernel : mm::PlainWords, mm::MappedEntries<mm::kLayout.linear.begin> {
  static mm::Globals<Kernel>& globals() noexcept {
    static constinit mm::Globals<Kernel> the_globals;
    return the_globals;
  }
  [[noreturn, gnu::cold]] static void panic(Panic, const char* why) noexcept { crash(why); }

  static constexpr u64 kMemoryBase = mm::kLayout.linear.begin;
  static constexpr u64 kSlotsBase = mm::kLayout.metadata.begin;
  static void hide(const void*, usize) noexcept {}
  static void show(const void*, usize) noexcept {}
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }

  static constexpr u32 kMostCpus = bare::kMostCpus;
  static u32 this_cpu() noexcept { return this_processor().number; }
  static u32 cpu_count() noexcept { return processor_count; }
  static u64 disable_interrupts() noexcept {
    const u64 saved = cpu::read_flags() & cpu::kTakesInterrupts;
    cpu::cli();
    return saved;
  }
  static void restore_interrupts(u64 saved) noexcept {
    if (saved != 0) cpu::sti();
  }
  static void disable_preemption() noexcept { ++this_processor().preemption_disabled; }
  static void enable_preemption() noexcept {
    if (--this_processor().preemption_disabled != 0) return;
    // ORDER: none needed: as X86_64's.
    this_processor().quiescent_count.fetch_add(1, std::memory_order_relaxed);
  }
  static u64 quiescent_count(u32 cpu) noexcept { return X86_64::quiescent_count(cpu); }

  static PhysAddr root() noexcept { return {cpu::read_cr3() & kAddressBits}; }
  static void set_root(PhysAddr root) noexcept { cpu::write_cr3(root.value); }
  static void flush_page(VirtAddr at) noexcept { cpu::invlpg(at.value); }
  static void flush_all() noexcept { cpu::write_cr3(cpu::read_cr3()); }
  static void flush_all_and_global() noexcept {
    const u64 cr4 = cpu::read_cr4();
    cpu::write_cr4(cr4 & ~cpu::kCr4Pge);
    cpu::write_cr4(cr4);
  }

  // A fault ends the copy, or the access.
  static usize copy_from_user(void* bytes, VirtAddr at, usize n) noexcept {
    const u8* const from = users(at);
    return n - as_user([=] { return cpu::copy_bytes(bytes, from, n); });
  }
  static usize copy_to_user(VirtAddr at, const void* bytes, usize n) noexcept {
    u8* const to = users(at);
    return n - as_user([=] { return cpu::copy_bytes(to, bytes, n); });
  }
  static std::optional<u32> load_user(VirtAddr at) noexcept {
    u32 word = 0;
    const u8* const from = users(at);
    if (!as_user([&] { return cpu::load_word(from, &word); })) return std::nullopt;
    return word;
  }
  static std::optional<u32> compare_exchange_user(VirtAddr at, u32 expected, u32 desired) noexcept {
    u8* const to = users(at);
    if (!as_user([&] { return cpu::exchange_word(to, &expected, desired); })) return std::nullopt;
    return expected;
  }

  // A lock that nobody gives back, or an interrupt that never comes, is said rather than waited
  // for.
  static void spin_hint() noexcept {
    // ORDER: none needed: it is only a number.
    if (spins_.fetch_add(1, std::memory_order_relaxed) == kMostSpins) {
      crash("a CPU waits for another that does not move");
    }
    relax();
  }
  static void relax() noexcept { cpu::pause(); }
  // Something has moved.
  static void has_moved() noexcept { spins_.store(0, std::memory_order_relaxed); }

  static void run_on(u64 set, void (*run)(void*) noexcept, void* with) noexcept {
    X86_64::run_on(set, run, with);
  }

 private:
  // SAFETY: a program's address: only what may fault is done there.
  static u8* users(VirtAddr at) noexcept { return reinterpret_cast<u8*>(at.value); }

  static constexpr u32 kMostSpins = 1 << 22;
  static inline constinit std::atomic<u32> spins_{0};
};

static_assert(mm::Platform<Kernel>);

}  // namespace bare
