// SPDX-License-Identifier: MPL-2.0
// A2, mm's own frame allocator.
#pragma once

#include "props/bench/machine.h"

namespace bench {

template <u32 kCpus>
class OwnOf {
 public:
  // All frames but the first are free, as one block.
  static void restore(u64 frames) noexcept {
    allocator().add_free_memory({kFirstFree * mm::kPageSize},
                                (frames - kFirstFree) * mm::kPageSize);
  }
  static u64 free_frames() noexcept { return allocator().free_bytes() / mm::kPageSize; }
  static void each_free(auto&& see) noexcept {
    const auto listed = [&](mm::Chunk chunk) {
      see(Free{chunk.at.value / mm::kPageSize, chunk.bytes() / mm::kPageSize, true});
    };
    allocator().each_free(
        [&](u32, mm::PageCache::Block block) {
          see(Free{block.at.value / mm::kPageSize, block.pages, false});
        },
        [&](u32, mm::Chunk chunk) { listed(chunk); }, listed);
  }

  static std::optional<mm::PhysAddr> alloc(usize bytes, usize align) noexcept {
    return allocator().alloc(bytes, align);
  }
  static void dealloc(mm::PhysAddr at, usize bytes) noexcept { allocator().dealloc(at, bytes); }

 private:
  using P = Machine<OwnOf, kCpus>;
  static mm::Allocator<P>& allocator() noexcept { return P::globals().allocator; }
};
using Own = OwnOf<1>;

}  // namespace bench
