// SPDX-License-Identifier: MPL-2.0
// Flushes in small scopes, under every schedule with few preemptions: a page is unmapped while
// another CPU uses it, passes, comes to the space or goes. Whatever the schedule, no page is given
// back while a CPU may still reach it (INV-49), and who waits is not forgotten.
#include <functional>
#include <gtest/gtest.h>

#include "check/explore/platform.h"
#include "impl/frame/alloc_options.h"
#include "impl/vm/space.h"

namespace {

using namespace check::explore;
using check::machine::Access, check::machine::Privilege;
using mm::kPageSize, mm::PhysAddr, mm::u32, mm::u64, mm::u8;

// Two CPUs.
struct P : Explored {
  static mm::Globals<P>& globals() noexcept {
    static constinit mm::Globals<P> the_globals;
    return the_globals;
  }
  static u32 cpu_count() noexcept { return 2; }
  static std::optional<PhysAddr> alloc(mm::usize bytes, mm::usize align) noexcept {
    return globals().allocator.alloc(bytes, align);
  }
  static void dealloc(PhysAddr at, mm::usize bytes) noexcept {
    EXPECT_FALSE(could_reach(at, bytes)) << "page " << at.value / kPageSize;
    globals().allocator.dealloc(at, bytes);
  }
  // A CPU may walk as soon as it has a root, for addresses that nobody uses.
  static void set_root(PhysAddr root) noexcept;
};

using Kernel = mm::KernelConfig<P, 508, 512>;
using Space = mm::VmSpace<P>;
using Cursor = mm::SpaceCursorMut<P>;
using Lanes = std::vector<std::function<void()>>;

constexpr u64 kPages = 32, k2M = u64{2} << 20, kVa = u64{1} << 30, kLowerHalf = u64{1} << 47;
void P::set_root(PhysAddr root) noexcept {
  Explored::set_root(root);
  if (root.value != 0) (void)check::machine::prefetch(this_cpu(), kVa);
}

constexpr mm::PageProperty kData{
    {mm::PageFlags::kReadable | mm::PageFlags::kWritable}, mm::CachePolicy::write_back, {}};

// ThreadSanitizer makes each of them dear.
constexpr u32 kPreemptions = PAGETWIN_TSAN ? 2 : 3;

struct World {
  mm::PageTable<Kernel> kernel = mm::PageTable<Kernel>::new_kernel_page_table().take();
  Space space = Space::create_user_page_table(kernel).take();

  World() {
    for (u64 i = 0; i < 2; ++i) {
      auto cursor = open(i);
      auto frame = mm::FrameAllocOptions<P>().zeroed(false).alloc_frame().take();
      EXPECT_TRUE(cursor.map(Cursor::Item::tracked(std::move(frame), kData)).ok());
    }
  }
  Cursor open(u64 page) const {
    const u64 va = kVa + page * kPageSize;
    return Cursor::open(space, {va}, {va + kPageSize}).take();
  }
  void unmap(u64 page) const {
    auto cursor = open(page);
    EXPECT_EQ(cursor.unmap(kPageSize).pages, 1u);
  }
  // Both pages, with their table.
  void unmap_table() const {
    auto cursor = Cursor::open(space, {kVa}, {kVa + 2 * k2M}).take();
    EXPECT_EQ(cursor.unmap(2 * k2M).leaves, 1u);
  }
  // A user's load, at a moment of its own.
  static void touch(u64 page) {
    Scheduler::point();
    (void)check::machine::touch(P::this_cpu(), kVa + page * kPageSize, Access::load,
                                Privilege::user);
  }
  static void start_on(u32 cpu, const auto& table) {
    P::become(cpu);
    P::watch(kLowerHalf);
    table.first_activate();
  }
  void stop_on(u32 cpu) const {
    P::become(cpu);
    kernel.activate();
    P::set_root({0});
    (void)drop(mm::Frame<P>::from_raw(kernel.root_paddr()));
  }
};

// Runs the lanes under every schedule within the bound, from `begin(world)` each time.
void explore(auto&& begin, auto&& lanes_on) {
  Exhaustive chooser({.preemptions = kPreemptions, .failures = 0});
  u64 schedules = 0;
  do {
    P::power_on();
    P::reset_machine(check::machine::kPages);
    P::become(0);
    ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    P::globals().pages = kPages;
    mm::MetaSlot<P>::init(0, kPages);
    P::globals().allocator.add_free_memory({kPageSize}, (kPages - 1) * kPageSize);
    {
      const World world;
      begin(world);
      P::become(0);
      const Lanes lanes = lanes_on(world);
      ASSERT_EQ(Scheduler::run(lanes, chooser), End::finished);
      for (const u32 cpu : {1u, 0u}) world.stop_on(cpu);
    }
    for (int i = 0; i < 4; ++i) {
      for (const u32 cpu : {1u, 0u}) {
        P::become(cpu);
        mm::quiesce<P>(cpu);
      }
    }
    ASSERT_EQ(P::globals().allocator.free_bytes(), (kPages - 1) * kPageSize);
    ++schedules;
    if (testing::Test::HasFailure()) break;
  } while (chooser.next());
  std::printf("%llu schedules\n", static_cast<unsigned long long>(schedules));
}

void both_on_space(const World& world) {
  for (const u32 cpu : {0u, 1u}) World::start_on(cpu, world.space);
}
void one_on_kernel(const World& world) {
  World::start_on(0, world.space);
  World::start_on(1, world.kernel);
}

// CPU 0 takes something out and passes, while the other goes.
Lanes unmapping_while(const World& world, std::function<void()> other) {
  return {[&] {
            world.unmap(0);
            mm::quiesce<P>(0);
          },
          std::move(other)};
}
Lanes unmapping_table_while(const World& world, std::function<void()> other) {
  return {[&] {
            world.unmap_table();
            mm::quiesce<P>(0);
          },
          std::move(other)};
}
void come(const World& world) {
  world.space.activate();
  World::touch(0);
  mm::quiesce<P>(1);
}

// The other passes between an unmapping and its flush, and must pass again.
TEST(Flushes, APageIsUnmappedWhileAnotherUsesItAndPasses) {
  explore(both_on_space, [](const World& world) {
    return unmapping_while(world, [&] {
      World::touch(0);
      mm::quiesce<P>(1);
      World::touch(0);
      mm::quiesce<P>(1);
    });
  });
}

// The same while a period runs that was begun for another page.
TEST(Flushes, APeriodRunsAlready) {
  explore(
      [](const World& world) {
        both_on_space(world);
        P::become(1);
        World::touch(0);
        P::become(0);
        world.unmap(1);
      },
      [](const World& world) {
        return unmapping_while(world, [&] {
          mm::quiesce<P>(1);
          World::touch(0);
          mm::quiesce<P>(1);
        });
      });
}

TEST(Flushes, ACpuComesToTheSpace) {
  explore(one_on_kernel,
          [](const World& world) { return unmapping_while(world, [&] { come(world); }); });
}

TEST(Flushes, ACpuGoes) {
  explore(
      [](const World& world) {
        both_on_space(world);
        P::become(1);
        World::touch(0);
      },
      [](const World& world) {
        return unmapping_while(world, [&] {
          world.kernel.activate();
          mm::quiesce<P>(1);
        });
      });
}

// A table is given back, and used again, and ThreadSanitizer sees who has walked it.
TEST(Flushes, ATableIsTakenOutWhileAnotherWalksItAndPasses) {
  explore(both_on_space, [](const World& world) {
    return unmapping_table_while(world, [&] {
      World::touch(0);
      mm::quiesce<P>(1);
      World::touch(1);
      mm::quiesce<P>(1);
    });
  });
}
TEST(Flushes, ATableIsTakenOutWhileACpuGoes) {
  explore(both_on_space, [](const World& world) {
    return unmapping_table_while(world, [&] {
      mm::quiesce<P>(1);
      World::touch(0);
      world.kernel.activate();
    });
  });
}
TEST(Flushes, ATableIsTakenOutWhileACpuComes) {
  explore(one_on_kernel,
          [](const World& world) { return unmapping_table_while(world, [&] { come(world); }); });
}

// After sync() the other knows nothing, whenever it takes its interrupts, and whatever it does.
void sync_while(auto&& other) {
  explore(both_on_space, [&](const World& world) {
    static Explored::Atomic<u8> is_over(0);
    is_over.store(0, std::memory_order_relaxed);
    return Lanes{[&] {
                   auto cursor = world.open(0);
                   EXPECT_EQ(cursor.unmap(kPageSize).pages, 1u);
                   cursor.flusher().sync();
                   const auto& tlb = check::machine::cpus[1].tlb;
                   tlb.each([](u64 va, int, bool, const auto&) { EXPECT_NE(va, kVa); });
                   is_over.store(1, std::memory_order_relaxed);
                 },
                 [&] {
                   other(world);
                   while (is_over.load(std::memory_order_relaxed) == 0) {
                     if (!P::take_interrupt()) P::spin_hint();
                   }
                 }};
  });
}
TEST(Flushes, WhoWaitsHasWaitedForAll) {
  sync_while([](const World&) { World::touch(0); });
}
TEST(Flushes, WhoWaitsNeedNotWaitForWhoHasGone) {
  sync_while([](const World& world) { world.kernel.activate(); });
}
TEST(Flushes, WhoWaitsHasWaitedForWhoCameBack) {
  sync_while([](const World& world) {
    world.kernel.activate();
    world.space.activate();
    World::touch(0);
  });
}

}  // namespace
