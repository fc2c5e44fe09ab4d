// SPDX-License-Identifier: MPL-2.0
// A machine on which address spaces are tried: four CPUs, a kernel's table, and one space.
// Interrupts are held back until a test has them taken.
#pragma once

#include "check/machine/touch.h"
#include "impl/vm/space.h"
#include "props/unit/tables.h"

namespace spaces {

using namespace tables;
using mm::drop;
using Kernel = mm::KernelConfig<P, 508, 512>;
using Space = mm::VmSpace<P>;
using Cursor = mm::SpaceCursorMut<P>;
using Item = Cursor::Item;
using check::machine::Access, check::machine::Privilege;

inline constexpr u64 kVa = k1G + 7 * kPage;
inline constexpr u64 kIo = u64{1} << 44;

class Spaces : public Machine {
 protected:
  void SetUp() override {
    Machine::SetUp();
    check::machine::reset_cpus();
    P::become(0);
    for (auto& queue : P::globals().flush_queues) {
      ::new (static_cast<void*>(&queue)) mm::FlushQueue<P>();
    }
    kernel.emplace(mm::PageTable<Kernel>::new_kernel_page_table().take());
    space.emplace(make());
  }
  void TearDown() override {
    for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) {
      on(cpu, [&] {
        if (P::root().value == 0) return;
        kernel->activate();
        P::set_root({0});
        drop(mm::Frame<P>::from_raw(kernel->root_paddr()));
      });
    }
    space.reset();
    kernel.reset();
    for (int i = 0; i < 3; ++i) {
      for (u32 cpu = 0; cpu < P::cpu_count(); ++cpu) pass(cpu);
    }
    Machine::TearDown();
  }

  Space make() { return Space::create_user_page_table(*kernel).take(); }

  static void on(u32 cpu, auto&& body) {
    const u32 caller = P::this_cpu();
    P::become(cpu);
    body();
    P::become(caller);
  }
  static void activate(u32 cpu, const auto& table) {
    on(cpu, [&] { P::root().value == 0 ? table.first_activate() : table.activate(); });
  }
  static u64 pass(u32 cpu) {
    u64 dropped = 0;
    on(cpu, [&] { dropped = mm::quiesce<P>(cpu); });
    return dropped;
  }
  static bool interrupt(u32 cpu) {
    bool took = false;
    on(cpu, [&] { took = P::take_interrupt(); });
    return took;
  }
  static bool has_work(u32 cpu) { return P::globals().flush_queues[cpu].has_work(); }
  static u64 awaited() { return P::globals().deferred.awaited(); }

  static u64 active_on(const Space& space) {
    return mm::NodeView<Space::Config>(space.root_paddr()).meta().cpus().peek();
  }
  static u64 count_of(PhysAddr at) { return Slot::of(at)->ref_count(); }

  static mm::UFrame<P> frame() { return mm::FrameAllocOptions<P>().alloc_frame().take(); }
  static Cursor open(const Space& space, u64 begin, u64 end) {
    return Cursor::open(space, {begin}, {end}).take();
  }
  // Maps a new frame, and says which page it is.
  static PhysAddr map(Cursor& cursor, u64 va) {
    auto mapped = frame();
    const PhysAddr at = mapped.start_paddr();
    EXPECT_TRUE(cursor.jump({va}).ok());
    EXPECT_TRUE(cursor.map(Item::tracked(std::move(mapped), property(R | W))).ok());
    return at;
  }
  PhysAddr map(u64 va) {
    auto cursor = open(*space, va, va + kPage);
    return map(cursor, va);
  }

  // A user's load. Whether the CPU reaches the page.
  static bool reaches(u32 cpu, u64 va) {
    return check::machine::touch(cpu, va, Access::load, Privilege::user).ok();
  }
  static bool knows(u32 cpu, u64 va) {
    return check::machine::cpus[cpu].tlb.find(va).translation != nullptr;
  }

  std::optional<mm::PageTable<Kernel>> kernel;
  std::optional<Space> space;
};

}  // namespace spaces
