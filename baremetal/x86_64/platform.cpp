// SPDX-License-Identifier: MPL-2.0
#include "baremetal/x86_64/platform.h"

#include <algorithm>

#include "baremetal/x86_64/apic.h"
#include "baremetal/x86_64/probe.h"

namespace bare {

void X86_64::reset_cpu() noexcept {
  Processor& cpu = own();
  cpu.set_control({});
  cpu.set_root(0);
  cpu.handler.store(nullptr, std::memory_order_relaxed);
  cpu.takes_interrupts = true;
  (void)take_interrupt();  // What is pending means nothing any more.
  cpu.preemption_disabled = 0;
  cpu.quiescent_count.store(0, std::memory_order_relaxed);
  cpu.watched_end = 0;
  flush_all_and_global();
  cpu.learned.clear();
}

void X86_64::reset_machine(u64) noexcept {
  let_interrupt(0);
  for (u32 i = 0; i < processor_count; ++i) {
    run_there(
        i, [](void*) noexcept { reset_cpu(); }, nullptr);
  }
}

void X86_64::set_root(PhysAddr root) noexcept {
  own().set_root(root.value);
  own().learned.forget_all_but_global();
}

void X86_64::flush_page(VirtAddr at) noexcept {
  if (!is_canonical(at.value)) return;
  cpu::invlpg(at.value);
  own().learned.forget_if([&](const Translation& one) { return one.spans(at.value); });
}

void X86_64::flush_all() noexcept {
  cpu::write_cr3(cpu::read_cr3());
  own().learned.forget_all_but_global();
}

void X86_64::flush_all_and_global() noexcept {
  const u64 cr4 = cpu::read_cr4();
  cpu::write_cr4(cr4 & ~cpu::kCr4Pge);
  cpu::write_cr4(cr4);
  own().learned.forget_if([](const Translation&) { return true; });
}

void X86_64::run_on(u64 set, void (*run)(void*) noexcept, void* with) noexcept {
  for (u32 i = 0; i < kMostCpus; ++i) {
    if ((set >> i & 1) == 0) continue;
    processors[i].handled_with.store(with, std::memory_order_relaxed);
    // ORDER: release pairs with the acquire in interrupted().
    processors[i].handler.store(run, std::memory_order_release);
    apic::send(i);
  }
}

bool X86_64::could_reach(PhysAddr at, usize bytes) noexcept {
  for (u32 i = 0; i < processor_count; ++i) {
    for (const Translation& one : processors[i].learned) {
      const bool overlaps = one.to < at.value + bytes && at.value < one.to + 4096;
      if (one.is_kept && one.is_watched && overlaps) return true;
    }
  }
  return false;
}

// Byte by byte as the CPU does it, with the right to do so in spite of SMAP; up to the first fault.
// To memory that is not the test machine's nothing is written, and from there nothing is read:
// every byte of page n is n modulo 256, as on the simulated machine.
namespace {

// Where the kernel reaches a program's byte, the first of its `page`th page; nothing if it faults,
// and for what would reach into ourselves, which is not tried.
std::optional<u64> reach(u64 at, Access access, usize page) noexcept {
  UserAccess& noted = X86_64::user_access();
  const VirtAddr va{at};
  const auto how = static_cast<u8>(access);
  if (!X86_64::can_touch(va, how, /*is_user=*/false, /*ac=*/true)) return std::nullopt;
  const X86_64::Touched seen = X86_64::touch(va, how, /*is_user=*/false, /*ac=*/true);
  if (page < 64 && seen.has_walked) noted.walked |= u64{1} << page;
  if (!seen.is_ok) {
    noted.error_code = seen.error_code;
    return std::nullopt;
  }
  if (page < noted.pages.size()) noted.pages[page] = {page_of(seen.at.value)};
  return seen.at.value;
}

usize copy(u8* bytes, u64 at, usize n, Access access) noexcept {
  X86_64::user_access() = {};
  usize copied = 0;
  for (usize page = 0; copied < n; ++page) {
    const usize room = std::min<usize>(n - copied, 4096 - at % 4096);
    // Where it leads, and whether it may, the CPU says.
    const std::optional<u64> first = reach(at, access, page);
    if (!first) break;
    if (*first + room <= kTestedEnd) {
      // SAFETY: the program's address was just reached; what changes meanwhile ends the copy.
      u8* const theirs = reinterpret_cast<u8*>(at);
      u64 left;
      cpu::stac();
      if (access == Access::load) {
        left = cpu::copy_bytes(bytes + copied, theirs, room);
      } else {
        left = cpu::copy_bytes(theirs, bytes + copied, room);
      }
      cpu::clac();
      if (left != 0) return copied + room - left;
    } else if (access == Access::load) {
      __builtin_memset(bytes + copied, static_cast<u8>(*first / 4096), room);
    }
    copied += room;
    at += room;
  }
  return copied;
}

// What `use` makes of a program's word, or nothing after a fault. Where there is no memory, each of
// its bytes is the page's number.
std::optional<u32> with_word(u64 at, Access access, auto&& use) noexcept {
  X86_64::user_access() = {};
  const std::optional<u64> first = reach(at, access, 0);
  if (!first) return std::nullopt;
  if (*first + sizeof(u32) > kTestedEnd) return 0x0101'0101u * static_cast<u8>(*first / 4096);
  // SAFETY: the program's address was just reached; it may be 0, of which a compiler must not hear.
  void* const word = reinterpret_cast<void*>(at);
  cpu::stac();
  const std::optional<u32> was = use(word);
  cpu::clac();
  return was;
}

}  // namespace

std::optional<u32> X86_64::load_user(VirtAddr at) noexcept {
  return with_word(at.value, Access::load, [](const void* word) {
    u32 was = 0;
    return cpu::load_word(word, &was) ? std::optional(was) : std::nullopt;
  });
}
std::optional<u32> X86_64::compare_exchange_user(VirtAddr at, u32 expected, u32 desired) noexcept {
  return with_word(at.value, Access::store, [=](void* word) {
    u32 was = expected;
    return cpu::exchange_word(word, &was, desired) ? std::optional(was) : std::nullopt;
  });
}

usize X86_64::copy_from_user(void* bytes, VirtAddr at, usize n) noexcept {
  return copy(static_cast<u8*>(bytes), at.value, n, Access::load);
}
usize X86_64::copy_to_user(VirtAddr at, const void* bytes, usize n) noexcept {
  // SAFETY: a store only reads them.
  return copy(const_cast<u8*>(static_cast<const u8*>(bytes)), at.value, n, Access::store);
}

}  // namespace bare
