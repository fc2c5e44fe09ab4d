// SPDX-License-Identifier: MPL-2.0
// The machine that mm is measured on: plain memory at constant addresses, one CPU or a thread for
// each, and the frame allocator that the workload is about. What a kernel would not pay for costs
// nothing here either.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "impl/globals.h"
#include "impl/platform/plain_words.h"

namespace bench {

using mm::u32, mm::u64, mm::u8, mm::usize;

// Low enough for valgrind, which keeps the upper half of its 16 TiB for itself.
inline constexpr u64 kMemoryBase = 0x0100'0000'0000;
inline constexpr u64 kSlotsBase = 0x0200'0000'0000;

inline constexpr u64 kMostFrames = 655'360;
inline constexpr u64 kFirstFree = 16;  // The frames below are never handed out.

// Maps the memory of so many frames and their slots, once, and writes to all of it, so that no page
// fault is measured. False if there is no room.
[[nodiscard]] bool power_on(u64 frames) noexcept;

// A block of free pages.
struct Free {
  u64 first, pages;
  bool is_listed;  // The first page is in a list of the allocator's; if not, it is unused.
};

// The CPU that this thread is, where there are several.
inline thread_local u32 own_cpu = 0;

// `Frames` is the frame allocator, a type with static members: alloc(bytes, align), dealloc(at,
// bytes); restore(frames), which brings it to its first state when mm is in its own; free_frames();
// and each_free(see), which calls `see(Free)` for every block.
template <class Frames, u32 kCpus = 1>
struct Machine : mm::PlainWords, mm::MappedEntries<kMemoryBase> {
  static mm::Globals<Machine>& globals() noexcept { return globals_; }

  [[noreturn, gnu::cold, gnu::noinline]] static void panic(mm::Panic, const char* why) noexcept {
    std::fprintf(stderr, "mm panicked: %s\n", why);
    std::abort();
  }

  static constexpr u64 kMemoryBase = bench::kMemoryBase;
  static constexpr u64 kSlotsBase = bench::kSlotsBase;
  static void hide(const void*, usize) noexcept {}
  static void show(const void*, usize) noexcept {}
  static std::optional<mm::PhysAddr> alloc(usize bytes, usize align) noexcept {
    return Frames::alloc(bytes, align);
  }
  static void dealloc(mm::PhysAddr at, usize bytes) noexcept { Frames::dealloc(at, bytes); }

  // Guards and flushes cost nothing: the workloads want it so.
  static constexpr u32 kMostCpus = kCpus;
  static u32 this_cpu() noexcept { return kCpus == 1 ? 0 : own_cpu; }
  static u32 cpu_count() noexcept { return kMostCpus; }
  static u64 disable_interrupts() noexcept { return 0; }
  static void restore_interrupts(u64) noexcept {}
  static void disable_preemption() noexcept {}
  static void enable_preemption() noexcept {}
  static mm::PhysAddr root() noexcept { return {}; }
  static void set_root(mm::PhysAddr) noexcept {}
  static void flush_page(mm::VirtAddr) noexcept {}
  static void flush_all() noexcept {}
  static void flush_all_and_global() noexcept {}
  static usize copy_from_user(void*, mm::VirtAddr, usize) noexcept { return 0; }
  static usize copy_to_user(mm::VirtAddr, const void*, usize) noexcept { return 0; }
  static std::optional<u32> load_user(mm::VirtAddr) noexcept { return std::nullopt; }
  static std::optional<u32> compare_exchange_user(mm::VirtAddr, u32, u32) noexcept {
    return std::nullopt;
  }
  static void spin_hint() noexcept { relax(); }
  static void relax() noexcept { __builtin_ia32_pause(); }
  static void run_on(u64, void (*run)(void*) noexcept, void* with) noexcept { run(with); }
  static u64 quiescent_count(u32) noexcept { return 0; }

 private:
  static inline constinit mm::Globals<Machine> globals_{};
};

}  // namespace bench
