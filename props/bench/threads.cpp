// SPDX-License-Identifier: MPL-2.0
// The workloads of threads, M: each does so many operations, alone or beside a second one. What is
// said of one operation is the wall's time, until the last of them is done.
#include <array>
#include <thread>

#include "impl/frame/alloc_options.h"
#include "impl/page_table/page_table.h"
#include "props/bench/own.h"
#include "props/bench/permutation.h"
#include "props/bench/round.h"
#include "props/bench/stack.h"
#include "props/bench/workloads.h"

namespace bench {
namespace {

using mm::kPageSize;

constexpr u32 kMostThreads = 2;
using SharedOwn = OwnOf<kMostThreads>;

// Threads that begin at once, each as a CPU of its own.
class Together {
 public:
  // Calls `work(thread)` on each of them, of which the caller is the first. What is timed begins
  // when all are there.
  static void time(Stopwatch& watch, u32 threads, auto&& work) {
    Together all(threads);
    std::array<std::thread, kMostThreads> others;
    for (u32 i = 1; i < threads; ++i) {
      others[i] = std::thread([&, i] {
        own_cpu = i;
        all.meet();
        work(i);
        // ORDER: release pairs with the acquire below: what was done is seen by who is timed.
        all.done_.fetch_add(1, std::memory_order_release);
      });
    }
    all.meet();
    watch.time([&] {
      work(0u);
      while (all.done_.load(std::memory_order_acquire) + 1 < threads) __builtin_ia32_pause();
    });
    for (u32 i = 1; i < threads; ++i) others[i].join();
  }

 private:
  explicit Together(u32 threads) : threads_(threads) {}

  void meet() {
    // ORDER: acquire and release pair with each other: what came before is seen by all.
    here_.fetch_add(1, std::memory_order_acq_rel);
    while (here_.load(std::memory_order_acquire) < threads_) __builtin_ia32_pause();
  }

  const u32 threads_;
  std::atomic<u32> here_{0}, done_{0};
};

// --- M1 to M3: frames

template <class Frames, u32 kThreads>
struct OfFrames {
  using P = Machine<Frames, kMostThreads>;
  using Rounds = Round<Frames, kMostThreads>;
  using Frame = mm::Frame<P, mm::EmptyMeta>;

  // `work(i)` is done by thread i, over and over.
  static void time(Stopwatch& watch, u64 operations, auto&& work) {
    Together::time(watch, kThreads, [&](u32 thread) { repeat(operations, [&] { work(thread); }); });
  }

  static bool m1(Stopwatch& watch, u64 operations, u64 frames) {
    return Rounds::round(frames, [&] {
      time(watch, operations, [](u32) {
        auto frame = mm::FrameAllocOptions<P>().zeroed(false).alloc_frame_with(mm::EmptyMeta{});
        if (!frame.ok()) return Rounds::note_wrong();
        keep(frame.take());
      });
      return true;
    });
  }

  // Of a frame that all share, or of one each.
  static bool cloned(Stopwatch& watch, u64 operations, u64 frames, bool is_shared) {
    return Rounds::round(frames, [&] {
      std::array<std::optional<Frame>, kMostThreads> held;
      for (auto& frame : held) frame = Frame::alloc({});
      time(watch, operations, [&](u32 thread) { keep(held[is_shared ? 0 : thread]->clone()); });
      return held[0]->reference_count() == 1 && held[1]->reference_count() == 1;
    });
  }
  static bool m2(Stopwatch& watch, u64 operations, u64 frames) {
    return cloned(watch, operations, frames, /*is_shared=*/true);
  }
  static bool m2d(Stopwatch& watch, u64 operations, u64 frames) {
    return cloned(watch, operations, frames, /*is_shared=*/false);
  }

  static bool m3(Stopwatch& watch, u64 operations, u64 frames) {
    return Rounds::round(frames, [&] {
      const auto frame = Frame::alloc({});
      const u64 at = frame->start_paddr().value;
      time(watch, operations, [&](u32) {
        auto found = mm::Frame<P>::from_in_use({unknown(at)});
        if (!found.ok()) return Rounds::note_wrong();
        keep(found.take());
      });
      return frame->reference_count() == 1;
    });
  }
};

// --- M4 to M7: one table, by one cursor for each page

template <u32 kThreads>
struct OfTables {
  using P = Machine<Stack, kMostThreads>;
  using Rounds = Round<Stack, kMostThreads>;
  using C = mm::KernelConfig<P>;
  using Table = mm::PageTable<C>;
  static constexpr u64 kBase = 0xffff'9000'0000'0000, kTarget = 0x4'0000'0000;
  static constexpr u64 kApart = u64{1} << 39;  // An entry of the root each.
  static constexpr mm::PageProperty kData{
      {mm::PageFlags::kReadable | mm::PageFlags::kWritable}, mm::CachePolicy::write_back, {}};

  static bool with_table(u64 frames, auto&& work) {
    return Rounds::round(frames, [&] {
      auto made = Table::new_kernel_page_table();
      if (!made.ok()) return false;
      const Table table = made.take();
      return work(table);
    });
  }
  static void map(const Table& table, u64 va, u64 at) {
    auto cursor = mm::CursorMut<C>::open(table, {va}, {va + kPageSize}).take();
    if (!cursor.map(C::Items::Item::untracked({at}, 1, kData)).ok()) Rounds::note_wrong();
  }
  static void unmap(const Table& table, u64 va) {
    auto cursor = mm::CursorMut<C>::open(table, {va}, {va + kPageSize}).take();
    auto taken = cursor.take_next(kPageSize);
    if (!taken.ok() || !taken.value()) Rounds::note_wrong();
  }
  static bool is_mapped(const Table& table, u64 va) {
    const mm::ReadSection<P> section;
    return table.page_walk({va}).has_value();
  }

  static u64 own_va(u32 thread, u64 page) { return kBase + thread * kApart + page * kPageSize; }
  static void map_own(const Table& table, u32 thread, u64 pages) {
    for (u64 i = 0; i < pages; ++i) map(table, own_va(thread, i), kTarget + i * kPageSize);
  }
  static void unmap_own(const Table& table, u32 thread, u64 pages) {
    for (u64 i = 0; i < pages; ++i) unmap(table, own_va(thread, i));
  }

  static bool m4(Stopwatch& watch, u64 pages, u64 frames) {
    return with_table(frames, [&](const Table& table) {
      Together::time(watch, kThreads, [&](u32 thread) { map_own(table, thread, pages); });
      return is_mapped(table, own_va(kThreads - 1, pages - 1));
    });
  }
  static bool m5(Stopwatch& watch, u64 pages, u64 frames) {
    return with_table(frames, [&](const Table& table) {
      for (u32 thread = 0; thread < kThreads; ++thread) map_own(table, thread, pages);
      Together::time(watch, kThreads, [&](u32 thread) { unmap_own(table, thread, pages); });
      return !is_mapped(table, own_va(kThreads - 1, pages - 1));
    });
  }

  // Maps a page and unmaps it, where the tables are there.
  static bool pairs(Stopwatch& watch, u64 frames, u64 pages, u64 times, auto&& page_of) {
    return with_table(frames, [&](const Table& table) {
      map_own(table, 0, pages);
      unmap_own(table, 0, pages);
      Together::time(watch, kThreads, [&](u32 thread) {
        for (u64 i = 0; i < times; ++i) {
          const u64 page = page_of(i, thread);
          map(table, own_va(0, page), kTarget + page * kPageSize);
          unmap(table, own_va(0, page));
        }
      });
      return !is_mapped(table, own_va(0, 0));
    });
  }
  static bool m6(Stopwatch& watch, u64 times, u64 frames) {
    const std::vector<u32> order = random_order(2 * times);
    return pairs(watch, frames, 2 * times, times,
                 [&](u64 i, u32 thread) { return (order[i] & ~u64{1}) | thread; });
  }
  static bool m7(Stopwatch& watch, u64 times, u64 frames) {
    return pairs(watch, frames, mm::kEntries, times,
                 [](u64 i, u32 thread) { return (i & 510) | thread; });
  }
};

using One = OfFrames<Stack, 1>;
using Two = OfFrames<Stack, 2>;
using OwnOne = OfFrames<SharedOwn, 1>;
using OwnTwo = OfFrames<SharedOwn, 2>;
using TableOne = OfTables<1>;
using TableTwo = OfTables<2>;

constexpr const char* kIsAlone = "one thread alone";
constexpr Workload kWorkloads[] = {
    {"M1", "allocate a frame and free it", 1'000'000, {.bound = kIsAlone}, One::m1, 1},
    {"M1x2", "two threads, one allocator", 1'000'000, {}, Two::m1, 2},
    {"M1-A2", "M1 of mm's own allocator", 1'000'000, {.bound = kIsAlone}, OwnOne::m1, 1},
    {"M1x2-A2", "two threads", 1'000'000, {}, OwnTwo::m1, 2},
    {"M2", "clone a frame and drop it", 1'000'000, {.bound = kIsAlone}, One::m2, 1},
    {"M2x2", "two threads, the same frame", 1'000'000, {}, Two::m2, 2},
    {"M2dx2", "two threads, a frame each", 1'000'000, {}, Two::m2d, 2},
    {"M3", "join a frame in use and drop it", 1'000'000, {.bound = kIsAlone}, One::m3, 1},
    {"M3x2", "two threads, the same frame", 1'000'000, {}, Two::m3, 2},
    {"M4", "map one page", 262'144, {.bound = kIsAlone}, TableOne::m4, 1},
    {"M4x2", "two threads, a GiB each", 262'144, {.bound = "1.1 times M4"}, TableTwo::m4, 2},
    {"M5", "unmap one page", 262'144, {.bound = kIsAlone}, TableOne::m5, 1},
    {"M5x2", "two threads, a GiB each", 262'144, {}, TableTwo::m5, 2},
    {"M6", "map a page of a GiB, unmap it", 131'072, {.bound = kIsAlone}, TableOne::m6, 1},
    {"M6x2", "two threads, the same GiB", 131'072, {}, TableTwo::m6, 2},
    {"M7", "map a page of 2 MiB, unmap it", 131'072, {.bound = kIsAlone}, TableOne::m7, 1},
    {"M7x2", "two threads, the same 2 MiB", 131'072, {}, TableTwo::m7, 2},
};

}  // namespace

std::span<const Workload> thread_workloads() { return kWorkloads; }

}  // namespace bench
