// SPDX-License-Identifier: MPL-2.0
// The same machine as the platform of a kernel: all of its memory, where the kernel's layout has it
// (impl/vm/layout.h), and no table of a test's, so CR3 is just the root. What is remembered of
// accesses for tests (learned.h) is not, as these are none of theirs. Interrupts are taken by
// whoever waits.
//
// The image stays where it is linked, in entry 384 of the root, with the APIC: areas begin behind.
#pragma once

#include "baremetal/x86_64/platform.h"
#include "impl/vm/layout.h"

namespace bare {

inline constexpr mm::Layout kKernelLayout = [] {
  mm::Layout layout = mm::kLayout;
  layout.areas.begin = kLinearBase + ((kEndEntry - kFirstEntry) << 39);
  return layout;
}();

struct Kernel : X86_64, mm::MappedEntries<kKernelLayout.linear.begin> {
  static constexpr u64 kMemoryBase = kKernelLayout.linear.begin;
  static constexpr u64 kSlotsBase = kKernelLayout.metadata.begin;

  using Words = mm::MappedEntries<kMemoryBase>;
  using Words::compare_exchange_pte;
  using Words::load_pte;
  using Words::peek_pte;
  using Words::store_pte;

  static u64 exchange_pte(PhysAddr at, u64 v, std::memory_order order) noexcept {
    if (before_exchange != nullptr) before_exchange();
    return Words::exchange_pte(at, v, order);
  }

  static mm::Globals<Kernel>& globals() noexcept {
    static constinit mm::Globals<Kernel> the_globals;
    return the_globals;
  }
  static std::optional<PhysAddr> alloc(usize bytes, usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, usize bytes) noexcept { globals().allocator.dealloc(at, bytes); }

  static u32 cpu_count() noexcept { return processor_count; }

  static PhysAddr root() noexcept { return {cpu::read_cr3() & kAddressBits}; }
  static void set_root(PhysAddr root) noexcept {
    if (before_root != nullptr) before_root();
    cpu::write_cr3(root.value);
  }
  static void flush_page(VirtAddr at) noexcept {
    if (is_canonical(at.value)) cpu::invlpg(at.value);
  }
  static void flush_all() noexcept { cpu::write_cr3(cpu::read_cr3()); }
  static void flush_all_and_global() noexcept {
    const u64 cr4 = cpu::read_cr4();
    cpu::write_cr4(cr4 & ~cpu::kCr4Pge);
    cpu::write_cr4(cr4);
    if (after_flush_of_all != nullptr) after_flush_of_all();
  }

  static usize copy_from_user(void* bytes, VirtAddr at, usize n) noexcept {
    // SAFETY: a fault ends the copy (trap.cpp).
    return copy(bytes, reinterpret_cast<const void*>(at.value), n);
  }
  static usize copy_to_user(VirtAddr at, const void* bytes, usize n) noexcept {
    // SAFETY: likewise.
    return copy(reinterpret_cast<void*>(at.value), bytes, n);
  }

  static std::optional<u32> load_user(VirtAddr at) noexcept {
    return with_ac([=] { return cpu::try_load_word(at.value); });
  }
  static std::optional<u32> compare_exchange_user(VirtAddr at, u32 expected, u32 desired) noexcept {
    return with_ac([=] { return cpu::try_exchange_word(at.value, expected, desired); });
  }

  // Who waits for another CPU must take what that sends meanwhile.
  static void spin_hint() noexcept {
    // ORDER: none needed: it is only a number.
    if (spins_.fetch_add(1, std::memory_order_relaxed) == kMostSpins) {
      panic(Panic::broken, "another CPU is waited for that does not go on");
    }
    wait_a_moment();
  }

  // For whoever looks on: on the CPU that does it. Null: nobody does.
  static inline void (*before_exchange)() noexcept = nullptr;  // Of a table's entry.
  static inline void (*before_root)() noexcept = nullptr;
  static inline void (*after_flush_of_all)() noexcept = nullptr;

 private:
  static constexpr u32 kMostSpins = 1 << 22;  // In a whole run there are some hundreds.
  static inline constinit std::atomic<u32> spins_{0};

  static usize copy(void* to, const void* from, usize n) noexcept {
    cpu::stac();
    const u64 left = cpu::copy_bytes(to, from, n);
    cpu::clac();
    return n - left;
  }
  static std::optional<u32> with_ac(auto&& use) noexcept {
    cpu::stac();
    const u64 seen = use();
    cpu::clac();
    if (seen >> 32 == 0) return std::nullopt;
    return static_cast<u32>(seen);
  }
};

static_assert(mm::Platform<Kernel> && kKernelLayout.is_sound());

}  // namespace bare
