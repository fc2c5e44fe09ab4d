// SPDX-License-Identifier: MPL-2.0
// What one CPU keeps at hand: free blocks of one to four pages, for each of these sizes a stack.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "impl/addr/address.h"

namespace mm {

class PageCache {
 public:
  static constexpr u64 kMostPages = 4;  // Of a block.

  // Of a size. None if there are no stacks of blocks of this size.
  static constexpr u32 capacity(u64 pages) {
    if (pages - 1 >= kMostPages) return 0;
    return pages == 1 ? kMost : kMost / 2;
  }
  // How many blocks come from the pools, or go there, at a time.
  static constexpr u32 batch(u64 pages) { return capacity(pages) * 2 / 3; }

  bool is_empty(u64 pages) const noexcept { return stacks_[pages - 1].count == 0; }

  // The newest block of just this size, if it is aligned as required.
  std::optional<PhysAddr> pop(u64 pages, u64 align) noexcept {
    if (pages - 1 >= kMostPages) return std::nullopt;
    Stack& stack = stacks_[pages - 1];
    if (stack.count == 0) return std::nullopt;
    const PhysAddr at = stack.blocks[stack.count - 1];
    if (!is_aligned(at, align)) return std::nullopt;
    --stack.count;
    return at;
  }

  // False if there is no place for it.
  bool push(PhysAddr at, u64 pages) noexcept {
    if (pages - 1 >= kMostPages) return false;
    Stack& stack = stacks_[pages - 1];
    if (stack.count == capacity(pages)) return false;
    stack.blocks[stack.count++] = at;
    return true;
  }

  struct Block {
    PhysAddr at;
    u64 pages = 0;
  };

  // A block of any size that is large enough, if it is aligned as required.
  std::optional<Block> take_fitting(u64 pages, u64 align) noexcept {
    for (u64 size = pages; size - 1 < kMostPages; ++size) {
      Stack& stack = stacks_[size - 1];
      for (u32 i = stack.count; i-- > 0;) {
        if (!is_aligned(stack.blocks[i], align)) continue;
        return Block{std::exchange(stack.blocks[i], stack.blocks[--stack.count]), size};
      }
    }
    return std::nullopt;
  }

  // All blocks of a size, the oldest first.
  std::span<const PhysAddr> blocks(u64 pages) const noexcept {
    const Stack& stack = stacks_[pages - 1];
    return std::span(stack.blocks).first(stack.count);
  }

  // So many of a size are no longer kept.
  void forget_oldest(u64 pages, usize blocks) noexcept {
    Stack& stack = stacks_[pages - 1];
    std::copy(stack.blocks.begin() + blocks, stack.blocks.begin() + stack.count,
              stack.blocks.begin());
    stack.count -= static_cast<u32>(blocks);
  }

 private:
  static constexpr u32 kMost = 12;

  struct Stack {
    u32 count = 0;
    std::array<PhysAddr, kMost> blocks{};
  };

  // Both are multiples of the page size: said so, because a page is aligned to a page.
  static bool is_aligned(PhysAddr at, u64 align) noexcept {
    return (at.value / kPageSize & (align / kPageSize - 1)) == 0;
  }

  std::array<Stack, kMostPages> stacks_{};  // By size.
};

}  // namespace mm
