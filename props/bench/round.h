// SPDX-License-Identifier: MPL-2.0
// What all workloads are made of: a round, from the machine's first state and back to it, and what
// keeps the compiler from leaving the work out.
#pragma once

#include <cstring>
#include <vector>

#include "impl/frame/frame.h"
#include "props/bench/machine.h"

namespace bench {

// The compiler must have made the word, and can no longer say what memory holds.
inline void keep(u64 word) { asm volatile("" : : "r"(word) : "memory"); }

// The same of a handle, which is one word.
template <template <class, class> class Handle, class P, class M>
void keep(const Handle<P, M>& handle) {
  u64 word;
  static_assert(sizeof word == sizeof handle);
  std::memcpy(&word, &handle, sizeof word);
  keep(word);
}

// A number that the compiler knows nothing about.
inline u64 unknown(u64 number) {
  asm volatile("" : "+r"(number));
  return number;
}

void repeat(u64 times, auto&& work) {
  for (u64 left = times; left != 0; --left) work();
}

// Rounds with one frame allocator, on a machine of so many CPUs.
template <class Frames, u32 kCpus = 1>
struct Round {
  using P = Machine<Frames, kCpus>;
  using Slot = mm::MetaSlot<P>;

  // From the first state, and that it is reached again: each frame that was free is.
  static bool round(u64 frames, auto&& work) {
    ::new (static_cast<void*>(&P::globals())) mm::Globals<P>();
    P::globals().pages = frames;
    Slot::init(0, frames);
    Frames::restore(frames);
    was_wrong_.store(false, std::memory_order_relaxed);
    return are_all_free(frames) && work() && are_all_free(frames) &&
           !was_wrong_.load(std::memory_order_relaxed);
  }

  // An operation has not ended as it should: the round is wrong.
  [[gnu::cold, gnu::noinline]] static void note_wrong() {
    was_wrong_.store(true, std::memory_order_relaxed);  // ORDER: none needed, it only ever grows.
  }

 private:
  // Whether each frame that may be handed out is free, once, and no page is anybody else's.
  static bool are_all_free(u64 frames) {
    std::vector<bool> is_free(frames), is_listed(frames);
    bool is_right = Frames::free_frames() == frames - kFirstFree;
    Frames::each_free([&](Free block) {
      if (block.first + block.pages > frames) return note_wrong();
      is_listed[block.first] = block.is_listed;
      for (u64 frame = block.first; frame < block.first + block.pages; ++frame) {
        is_right &= !is_free[frame];
        is_free[frame] = true;
      }
    });
    for (u64 frame = 0; frame < frames; ++frame) {
      const u64 count = Slot::of({frame * mm::kPageSize})->ref_count();
      is_right &= is_free[frame] == (frame >= kFirstFree) &&
                  count == (is_listed[frame] ? Slot::kUnique : Slot::kUnused);
    }
    return is_right;
  }

  static inline std::atomic<bool> was_wrong_ = false;
};

}  // namespace bench
