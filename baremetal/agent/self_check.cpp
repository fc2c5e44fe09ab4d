// SPDX-License-Identifier: MPL-2.0
#include "baremetal/agent/self_check.h"

#include "baremetal/agent/checks.h"
#include "baremetal/x86_64/apic.h"
#include "baremetal/x86_64/platform.h"
#include "baremetal/x86_64/probe.h"
#include "baremetal/x86_64/serial.h"
#include "impl/platform/x86_64_entry.h"

namespace bare {

// probe.S: 0 if every register is what it was after an interrupt was taken.
extern "C" u64 lost_registers() noexcept;

namespace {

using Touched = X86_64::Touched;

// A tree by which one address leads to one page. All in the first pages of the test machine, which
// has not begun.
class Tree {
 public:
  static constexpr u64 kRoot = 0x1000, kLeafTable = 0x4000, kPage = 0x5000, kOther = 0x6000;
  static constexpr u64 kAt = 0x7000;  // Virtually.
  static constexpr u64 kWritable = 2, kUser = 4, kAll = kPresent | kWritable | kUser,
                       kNoExecute = u64{1} << 63;

  Tree() noexcept {
    __builtin_memset(linear<u8>(0), 0, 0x8000);
    for (u64 table = kRoot; table < kLeafTable; table += 4096) {
      *linear<u64>(table) = (table + 4096) | kAll;
    }
    X86_64::set_root({kRoot});
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { X86_64::reset_cpu(); }

  static u64 leaf() noexcept { return load_entry(kLeafTable + kAt / 4096 * 8); }
  static void map(u64 entry) noexcept { entry_at(kLeafTable + kAt / 4096 * 8) = entry; }
  // At the levels above, instead of the table that is there.
  static void map_large(u64 entry) noexcept { entry_at(kLeafTable - 4096) = entry; }
  static void map_giant(u64 entry) noexcept { entry_at(kLeafTable - 2 * 4096) = entry; }
  static u64 giant() noexcept { return load_entry(kLeafTable - 2 * 4096); }
  // And the CPU forgets what it was.
  static void remap(u64 entry) noexcept {
    map(entry);
    X86_64::flush_page({kAt});
  }
};

constexpr u8 kLoad = 0, kStore = 1, kFetch = 2;

Touched touch(u8 access, bool is_user = true) noexcept {
  return X86_64::touch({Tree::kAt}, access, is_user, false);
}
bool leads_to(const Touched& seen, u64 page) noexcept {
  return seen.is_ok && seen.at.value == page;
}
bool faults_with(const Touched& seen, u32 error) noexcept {
  return seen.is_page_fault && seen.error_code == error;
}

void check_registers(Checks& checks) noexcept {
  const u64 cr0 = cpu::read_cr0(), cr4 = cpu::read_cr4(), efer = cpu::rdmsr(cpu::kEfer);
  checks.expect("the PAT is what entries are written for",
                cpu::rdmsr(cpu::kPat) == 0x0001'0406'0001'0406 &&
                    mm::X86_64Entry<>::kPat == 0x0001'0406'0001'0406);
  checks.expect("CR0.WP is set, and CR0.AM is not",
                (cr0 & cpu::kCr0Wp) != 0 && (cr0 & cpu::kCr0Am) == 0);
  checks.expect("CR4.PGE is set", (cr4 & cpu::kCr4Pge) != 0);
  checks.expect("CR4.SMEP and CR4.SMAP are not set", (cr4 & (cpu::kCr4Smep | cpu::kCr4Smap)) == 0);
  checks.expect("EFER.NXE is set", (efer & cpu::kEferNxe) != 0);
  checks.expect(
      "the CPU is the one that it is taken for",
      apic::id() == this_processor().number && &this_processor() == &processors[apic::id()]);
}

void check_traps(Checks& checks) noexcept {
  bool is_same = true;
  for (int i = 0; i < 1000; ++i) {
    const Awaited& trap = probe(u64{1} << 63, Access::load, i % 2 != 0, false, 0);
    is_same = is_same && trap.vector == kGeneralProtection && trap.error == 0;
  }
  checks.expect("an address that is not canonical is refused, a thousand times", is_same);
}

void check_interrupts(Checks& checks) noexcept {
  static constinit std::atomic<u32> runs{0};
  auto count = [](void*) noexcept { runs.fetch_add(1, std::memory_order_relaxed); };
  for (u32 round = 1; round <= 2; ++round) {
    runs.store(0, std::memory_order_relaxed);
    X86_64::run_on(u64{1} << X86_64::this_cpu(), count, nullptr);
    checks.expect("an interrupt is held back", runs.load(std::memory_order_relaxed) == 0);
    checks.expect("registers survive an interrupt", lost_registers() == 0);
    checks.expect("an interrupt comes once it is taken, and once",
                  runs.load(std::memory_order_relaxed) == 1 && !X86_64::take_interrupt());
  }
}

void check_rights(Checks& checks) noexcept {
  const Tree tree;
  const u64 page = Tree::kPage;
  Tree::map(0);
  checks.expect("what is absent faults", faults_with(touch(kLoad), 4));
  Tree::map(page | kPresent | Tree::kUser);
  checks.expect("what is present is loaded, and accessed then",
                leads_to(touch(kLoad), page) && (Tree::leaf() & (kAccessed | kDirty)) == kAccessed);
  checks.expect("a user's store wants the right to write", faults_with(touch(kStore), 7));
  checks.expect("ring 0's too", faults_with(touch(kStore, false), 3));
  Tree::remap(page | Tree::kAll);
  checks.expect("a store makes dirty",
                leads_to(touch(kStore), page) && (Tree::leaf() & kDirty) != 0);
  checks.expect("a user fetches", leads_to(touch(kFetch), page));
  checks.expect("ring 0 fetches", leads_to(touch(kFetch, false), page));
  Tree::remap(page | kPresent | Tree::kWritable);
  checks.expect("a user does not reach what is not the user's", faults_with(touch(kLoad), 5));
  Tree::remap(page | Tree::kAll | Tree::kNoExecute);
  checks.expect("what is not executable is not fetched", faults_with(touch(kFetch), 0x15));
  X86_64::set_control(true, false, false, false);
  X86_64::flush_all_and_global();
  checks.expect("without EFER.NXE bit 63 is reserved", faults_with(touch(kLoad), 0xd));
  X86_64::set_control(false, true, true, true);
  X86_64::flush_all_and_global();
  Tree::remap(page | kPresent);
  checks.expect("without CR0.WP ring 0 stores where it may not",
                leads_to(touch(kStore, false), page));
  Tree::remap(page | Tree::kAll);
  checks.expect("with CR4.SMAP ring 0 does not load from what is the user's",
                faults_with(touch(kLoad, false), 1));
  checks.expect("unless EFLAGS.AC is set", X86_64::touch({Tree::kAt}, kLoad, false, true).is_ok);
  checks.expect("with CR4.SMEP ring 0 does not fetch what is the user's",
                faults_with(touch(kFetch, false), 0x11));
}

void check_flushes(Checks& checks) noexcept {
  const Tree tree;
  const u64 old = Tree::kPage | Tree::kAll, next = Tree::kOther | Tree::kAll;
  const auto is_stale_until = [&](const char* what, u64 bits, auto&& flush) {
    for (const u8 access : {kLoad, kStore, kFetch}) {
      Tree::remap(old | bits);
      X86_64::flush_all_and_global();
      bool holds = leads_to(touch(access), Tree::kPage);
      Tree::map(next | bits);
      checks.note_stale(leads_to(touch(access), Tree::kPage));
      flush();
      holds = holds && leads_to(touch(access), Tree::kOther);
      checks.expect(what, holds);
    }
  };
  is_stale_until("INVLPG forgets a page", 0, [] { X86_64::flush_page({Tree::kAt}); });
  is_stale_until("INVLPG forgets a global page", kGlobal, [] { X86_64::flush_page({Tree::kAt}); });
  is_stale_until("a load of CR3 forgets a page", 0, [] { X86_64::flush_all(); });
  is_stale_until("toggling CR4.PGE forgets a global page", kGlobal,
                 [] { X86_64::flush_all_and_global(); });
  is_stale_until("another root, and back, forgets a page", 0, [] {
    X86_64::set_root({});
    X86_64::set_root({Tree::kRoot});
  });
}

// What an engine keeps apart, and touch() has it give up (touch.cpp).
void check_allowances(Checks& checks) noexcept {
  const Tree tree;
  const u64 old = Tree::kPage | Tree::kAll, next = Tree::kOther | Tree::kAll;
  for (const u8 access : {kLoad, kStore, kFetch}) {
    Tree::remap(old);
    bool holds = leads_to(touch(access), Tree::kPage);
    Tree::map(next);
    const bool has_learned = leads_to(touch(access, false), Tree::kOther);
    holds = holds && (!has_learned || leads_to(touch(access), Tree::kOther));
    checks.expect("parted_by_mode: what ring 0 has learned, ring 3 knows", holds);

    Tree::remap(old);
    (void)touch(access, false);
    Tree::map(next);
    const bool has_walked = leads_to(touch(access), Tree::kOther);
    checks.expect("parted_by_mode: what ring 3 has learned, ring 0 knows",
                  !has_walked || leads_to(touch(access, false), Tree::kOther));
  }

  Tree::remap(Tree::kPage | kPresent | Tree::kUser);
  (void)touch(kLoad);
  Tree::map(0);
  checks.expect("fault_keeps: after a fault the page is forgotten",
                faults_with(touch(kStore), 6) && faults_with(touch(kLoad), 4));

  // A page of 2 MiB at 0, which becomes one at 4 MiB: its second page tells of both.
  Tree::map_large(0 | Tree::kAll | kLeaf);
  const VirtAddr second{Tree::kAt + 4096};
  constexpr u64 kFar = 0x40'0000;
  checks.expect("a large page leads where it says", leads_to(touch(kLoad), Tree::kAt));
  Tree::map_large(kFar | Tree::kAll | kLeaf);
  const bool is_new = X86_64::touch(second, kLoad, true, false).at.value == kFar + second.value;
  checks.expect("parted_by_page: what is learned of a page is known of all of it",
                !is_new || leads_to(touch(kLoad), kFar + Tree::kAt));

  // Bit 40: QEMU takes it for reserved.
  Tree::map_large(kFar | Tree::kAll | kLeaf | u64{1} << 40);
  checks.expect("forty_bits: it is not tried", !X86_64::can_touch({Tree::kAt}, kLoad, true, false));
  Tree::map_large(u64{0x4000'0000} | Tree::kAll | kLeaf);
  X86_64::flush_all();
  checks.expect("no_bus: a load is tried where no memory is, and a fetch is not",
                X86_64::can_touch({Tree::kAt}, kLoad, true, false) &&
                    leads_to(touch(kLoad), 0x4000'0000 + Tree::kAt) &&
                    !X86_64::can_touch({Tree::kAt}, kFetch, true, false));
  Tree::map_large(u64{kImageAt & ~u64{0x1f'ffff}} | Tree::kAll | kLeaf);
  checks.expect("what is ours is not touched",
                !X86_64::can_touch({kImageAt % 0x20'0000}, kLoad, true, false));

  // A page of 1 GiB that ring 3 may not reach.
  Tree::map_giant(kPresent | kLeaf);
  X86_64::flush_all();
  checks.expect("early_accessed: a fault marks no page",
                faults_with(touch(kLoad), 5) && (Tree::giant() & kAccessed) == 0);
}

void check_copies(Checks& checks) noexcept {
  const Tree tree;
  std::array<u8, 32> bytes{}, back{};
  for (usize i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(3 * i + 1);
  const VirtAddr near_end{Tree::kAt + 4096 - 16};
  Tree::map(Tree::kPage | Tree::kAll);
  X86_64::set_control(true, true, true, true);
  checks.expect("a copy to a user ends at the first fault",
                X86_64::copy_to_user(near_end, bytes.data(), 32) == 16);
  checks.expect("and has copied all before it",
                __builtin_memcmp(linear<u8>(Tree::kPage + 4096 - 16), bytes.data(), 16) == 0);
  checks.expect("a copy from a user ends at the first fault",
                X86_64::copy_from_user(back.data(), near_end, 32) == 16);
  checks.expect("and has copied all before it, too",
                __builtin_memcmp(back.data(), bytes.data(), 16) == 0 && back[16] == 0);
  Tree::remap(Tree::kPage | kPresent | Tree::kUser);
  checks.expect("nothing is copied to where a user may not write",
                X86_64::copy_to_user({Tree::kAt}, bytes.data(), 1) == 0);
  checks.expect("nothing is copied from an address that is not canonical",
                X86_64::copy_from_user(back.data(), {u64{1} << 62}, 1) == 0);
  constexpr u64 kDevice = u64{1} << 32;
  Tree::remap(kDevice | Tree::kAll);
  checks.expect("where no memory is, every byte of a page is its number",
                X86_64::copy_from_user(back.data(), {Tree::kAt}, 8) == 8 &&
                    back[0] == static_cast<u8>(kDevice / 4096) && back[7] == back[0]);
}

}  // namespace

u32 check_machine() noexcept {
  Checks checks;
  for (u32 i = 0; i < processor_count; ++i) {
    run_there(
        i,
        [](void* with) noexcept {
          // SAFETY: they are the checks.
          Checks& all = *static_cast<Checks*>(with);
          check_registers(all);
          check_traps(all);
          check_interrupts(all);
        },
        &checks);
    run_there(
        i,
        [](void* with) noexcept {
          Checks& all = *static_cast<Checks*>(with);
          check_rights(all);
          check_flushes(all);
          check_allowances(all);
          check_copies(all);
        },
        &checks);
  }
  checks.tell();
  return checks.faults();
}

}  // namespace bare
