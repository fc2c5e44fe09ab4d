// SPDX-License-Identifier: MPL-2.0
// What the allocator has: its free blocks, and which pages those are.
#pragma once

#include "check/bind/page_mask.h"
#include "impl/globals.h"
#include "trace/fact.h"

namespace check {

template <class P>
class FreePages {
 public:
  // A new allocator gets all pages but the loose ones. Requires that their slots are unused.
  void populate(const trace::Machine& shape) {
    const mm::u64 loose = shape.loose.value() * mm::kPageSize;
    P::globals().allocator.add_free_memory({loose}, shape.pages.value() * mm::kPageSize - loose);
    is_first_state_.store(true, std::memory_order_relaxed);
    is_known_.store(false, std::memory_order_relaxed);
  }

  // The allocator was asked something. Any lane may say so.
  void note_change() {
    is_first_state_.store(false, std::memory_order_relaxed);
    is_known_.store(false, std::memory_order_relaxed);
  }

  // Whether it was asked nothing since populate().
  bool is_first_state() const { return is_first_state_.load(std::memory_order_relaxed); }

  bool has(std::uint64_t page) const {
    if (!is_known_.load(std::memory_order_relaxed)) [[unlikely]]
      look();
    return pages_.has(page);
  }

  static void blocks(auto&& see) {
    const auto show = [&](mm::PhysAddr at, mm::u64 pages, std::uint64_t where) {
      see(trace::FreeBlock{at.value / mm::kPageSize, pages, where});
    };
    P::globals().allocator.each_free(
        [&](mm::u32 cpu, mm::PageCache::Block block) {
          show(block.at, block.pages, trace::kFirstCache + cpu);
        },
        [&](mm::u32 cpu, mm::Chunk chunk) {
          show(chunk.at, chunk.bytes() / mm::kPageSize, trace::kFirstPool + cpu);
        },
        [&](mm::Chunk chunk) {
          show(chunk.at, chunk.bytes() / mm::kPageSize, trace::kGlobalPool);
        });
  }

  // Whether a slot has the allocator's own metadata: that of a page which begins a free block.
  static bool is_head(const mm::MetaSlot<P>& slot) {
    return slot.ref_count() == mm::MetaSlot<P>::kUnique &&
           slot.vtable() == &mm::kVTableOf<mm::Link<mm::FreeHeadMeta>>;
  }

 private:
  [[gnu::cold, gnu::noinline]] void look() const {
    pages_ = {};
    blocks([&](const trace::FreeBlock& block) {
      for (std::uint64_t i = 0; i < block.pages; ++i) {
        // What the allocator should not have may be anything.
        if (block.page + i < trace::Machine::kMostPages) pages_.add(block.page + i);
      }
    });
    is_known_.store(true, std::memory_order_relaxed);
  }

  std::atomic<bool> is_first_state_ = false;
  mutable std::atomic<bool> is_known_ = false;  // Whether `pages_` is up to date.
  mutable PageMask pages_{};
};

}  // namespace check
