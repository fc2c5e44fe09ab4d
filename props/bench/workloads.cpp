// SPDX-License-Identifier: MPL-2.0
#include "props/bench/workloads.h"

#include "impl/frame/alloc_options.h"
#include "impl/frame/unique_frame.h"
#include "props/bench/own.h"
#include "props/bench/permutation.h"
#include "props/bench/round.h"
#include "props/bench/stack.h"

namespace bench {
namespace {

using mm::PhysAddr;

struct Value {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 value;
};

constexpr u64 kSegment = 512;  // Frames.

// The workloads with one frame allocator. What a loop uses is local to the timed function, so that
// the compiler may keep it in registers as in a caller's own loop.
template <class Frames>
struct With {
  using P = Machine<Frames>;
  template <class M = mm::Dyn>
  using Frame = mm::Frame<P, M>;
  template <class M>
  using UniqueFrame = mm::UniqueFrame<P, M>;
  using Options = mm::FrameAllocOptions<P>;
  static constexpr auto note_wrong = Round<Frames>::note_wrong;
  using Live = std::vector<Frame<mm::EmptyMeta>>;

  template <bool is_zeroed, class M>
  static bool alloc_and_free(Stopwatch& watch, u64 operations, u64 frames, M meta) {
    return Round<Frames>::round(frames, [&] {
      watch.time([&] {
        repeat(operations, [meta = meta] {
          auto frame = Options().zeroed(is_zeroed).alloc_frame_with(meta);
          if (!frame.ok()) return note_wrong();
          keep(frame.take());
        });
      });
      return true;
    });
  }

  static bool f1(Stopwatch& watch, u64 operations, u64 frames) {
    return alloc_and_free<false>(watch, operations, frames, mm::EmptyMeta{});
  }
  static bool f1t(Stopwatch& watch, u64 operations, u64 frames) {
    return alloc_and_free<false>(watch, operations, frames, Value{42});
  }
  static bool f1z(Stopwatch& watch, u64 operations, u64 frames) {
    return alloc_and_free<true>(watch, operations, frames, mm::EmptyMeta{});
  }

  static void fill(Live& live, u64 count) {
    for (u64 i = 0; i < count; ++i) live.push_back(std::move(*Frame<mm::EmptyMeta>::alloc({})));
  }
  static Live room(u64 count) {
    Live live;
    live.reserve(count);
    return live;
  }

  static bool f2a(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      Live live = room(operations);
      watch.time([&] { fill(live, operations); });
      return Frames::free_frames() == frames - kFirstFree - operations;
    });
  }
  static bool f2b(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      Live live = room(operations);
      fill(live, operations);
      watch.time([&] {
        for (auto& frame : live) (void)drop(std::move(frame));
      });
      return true;
    });
  }
  static bool f2c(Stopwatch& watch, u64 operations, u64 frames) {
    const std::vector<u32> order = random_order(operations);
    return Round<Frames>::round(frames, [&] {
      Live live = room(operations);
      fill(live, operations);
      watch.time([&] {
        for (const u32 i : order) (void)drop(std::move(live[i]));
      });
      return order.size() == operations;
    });
  }

  static bool f3(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      auto frame = Frame<mm::EmptyMeta>::alloc({});
      watch.time([&] {
        auto mine = std::move(*frame);
        repeat(operations, [&] { keep(mine.clone()); });
        *frame = std::move(mine);
      });
      return frame->reference_count() == 1;
    });
  }
  static bool f3r(Stopwatch& watch, u64 operations, u64 frames) {
    const std::vector<u32> order = random_order(operations);
    return Round<Frames>::round(frames, [&] {
      Live live = room(operations);
      fill(live, operations);
      watch.time([&] {
        for (const u32 i : order) keep(live[i].clone());
      });
      return all_have_one_owner(live);
    });
  }

  static bool f4(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      const auto frame = Frame<mm::EmptyMeta>::alloc({});
      const u64 at = frame->start_paddr().value;
      watch.time([&] { repeat(operations, [at] { join(at); }); });
      return frame->reference_count() == 1;
    });
  }
  static bool f4r(Stopwatch& watch, u64 operations, u64 frames) {
    const std::vector<u32> order = random_order(operations);
    return Round<Frames>::round(frames, [&] {
      Live live = room(operations);
      fill(live, operations);
      watch.time([&] {
        for (const u32 i : order) join((kFirstFree + i) * mm::kPageSize);
      });
      return all_have_one_owner(live);
    });
  }
  // The refusal of a page that is unused.
  static bool f4m(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      watch.time([&] {
        repeat(operations, [] {
          const auto found = Frame<>::from_in_use({unknown(kFirstFree * mm::kPageSize)});
          if (found.ok() || found.error() != mm::GetFrameError::unused) note_wrong();
        });
      });
      return true;
    });
  }

  static bool f5(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      watch.time([&] {
        repeat(operations, [] {
          auto made = UniqueFrame<Value>::from_unused({unknown(mm::kPageSize)}, {42});
          if (!made.ok()) return note_wrong();
          auto frame = made.take();
          keep(frame);
          std::move(frame).reset_as_unused();
        });
      });
      return true;
    });
  }

  static bool f6(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      auto frame = std::move(*Frame<mm::EmptyMeta>::alloc({}));
      watch.time([&] {
        auto mine = std::move(frame);
        repeat(operations, [&] {
          mine = Frame<mm::EmptyMeta>::from_raw({unknown(std::move(mine).into_raw().value)});
        });
        frame = std::move(mine);
      });
      return frame.reference_count() == 1;
    });
  }

  static bool f7(Stopwatch& watch, u64 operations, u64 frames) {
    return Round<Frames>::round(frames, [&] {
      watch.time([&] {
        repeat(operations / kSegment, [] {
          auto segment = Options().zeroed(false).alloc_segment(kSegment);
          if (!segment.ok()) return note_wrong();
          keep(segment.take().start_paddr().value);
        });
      });
      return true;
    });
  }

 private:
  // Joins the page and leaves it.
  [[gnu::always_inline]] static void join(u64 at) {
    auto found = Frame<>::from_in_use({unknown(at)});
    if (!found.ok()) return note_wrong();
    keep(found.take());
  }

  static bool all_have_one_owner(const Live& live) {
    bool is_so = true;
    for (const auto& frame : live) is_so &= frame.reference_count() == 1;
    return is_so;
  }
};

using A1 = With<Stack>;
using A2 = With<Own>;

constexpr const char* kTwo = "two locked RMWs";
constexpr Workload kWorkloads[] = {
    {"F1", "allocate a frame and free it", 1'000'000, {60, 98, 8.8}, A1::f1},
    {"F1t", "the same, with 8 bytes of metadata", 1'000'000, {}, A1::f1t},
    {"F1z", "the same, zeroed", 100'000, {}, A1::f1z},
    {"F2a", "allocate frames and keep them", 262'144, {}, A1::f2a},
    {"F2b", "free them in the same order", 262'144, {}, A1::f2b},
    {"F2c", "free them in random order", 262'144, {.bound = "a stack 55 ns"}, A1::f2c},
    {"F3", "clone a frame and drop it", 4'000'000, {10, 13, 4.2, kTwo}, A1::f3},
    {"F3r", "the same of many frames, at random", 262'144, {}, A1::f3r},
    {"F4", "join a frame in use and drop it", 4'000'000, {20, 26, 4.5, kTwo}, A1::f4},
    {"F4r", "the same of many frames, at random", 262'144, {}, A1::f4r},
    {"F4m", "be refused an unused frame", 1'000'000, {}, A1::f4m},
    {"F5", "claim a unique frame and reset it", 1'000'000, {16, 19, 2.1, "one locked RMW"}, A1::f5},
    {"F6", "into_raw and from_raw", 4'000'000, {}, A1::f6},
    {"F1-A2", "F1 of mm's own allocator", 1'000'000, {60}, A2::f1},
    {"F1t-A2", "F1t of it", 1'000'000, {}, A2::f1t},
    {"F1z-A2", "F1z of it", 100'000, {}, A2::f1z},
    {"F2a-A2", "F2a of it", 262'144, {}, A2::f2a},
    {"F2b-A2", "F2b of it", 262'144, {}, A2::f2b},
    {"F2c-A2", "F2c of it", 262'144, {.bound = "OSDK 239 ns"}, A2::f2c},
    {"F7-A2", "allocate 512 frames as one, free them", 262'144, {}, A2::f7},
};

}  // namespace

std::span<const Workload> frame_workloads() { return kWorkloads; }

}  // namespace bench
