// SPDX-License-Identifier: MPL-2.0
// How the allocator keeps its free pages, as it says itself: what it can hand out depends on that.
#include <array>
#include <bit>

#include "reference/laws.h"
#include "reference/model.h"

namespace reference {

namespace {

using trace::FreeBlock;

constexpr std::uint64_t kMostCached = 4;  // Pages of a block in a cache.

bool is_cache(std::uint64_t where) { return where >= trace::kFirstCache; }

bool is_a_place(const State& state, std::uint64_t where) {
  const std::uint64_t cpus = state.machine.cpus.count;
  if (is_cache(where)) return where - trace::kFirstCache < cpus;
  return where == trace::kGlobalPool || where - trace::kFirstPool < cpus;
}

bool has_a_right_shape(const FreeBlock& block) {
  if (is_cache(block.where)) return block.pages >= 1 && block.pages <= kMostCached;
  return std::has_single_bit(block.pages) && block.page % block.pages == 0;
}

}  // namespace

bool are_kept_in_order(const State& state, std::span<const FreeBlock> blocks) {
  std::array<const FreeBlock*, trace::Machine::kMostPages> first_at{};  // By their first pages.
  PageSet kept;
  for (const FreeBlock& block : blocks) {
    if (!is_a_place(state, block.where) || !has_a_right_shape(block)) return false;
    for (std::uint64_t i = 0; i < block.pages; ++i) {
      const Page page = block.page + i;
      if (!state.free.contains(page) || kept.contains(page)) return false;
      kept.insert(page);
    }
    first_at[block.page] = &block;
  }
  if (kept != state.free) return false;

  // Buddies of one pool are merged.
  for (const FreeBlock& block : blocks) {
    const Page buddy = block.page ^ block.pages;
    if (is_cache(block.where) || buddy >= first_at.size()) continue;
    const FreeBlock* const other = first_at[buddy];
    if (other != nullptr && other->where == block.where && other->pages == block.pages) {
      return false;
    }
  }
  return true;
}

const char* Model::adopt(std::span<const FreeBlock> blocks) {
  if (!are_kept_in_order(state_, blocks)) {
    state_.free_blocks.reset();
    return "B.10";
  }
  if (!state_.free_blocks) state_.free_blocks.emplace();
  state_.free_blocks->assign(blocks.begin(), blocks.end());
  return nullptr;
}

}  // namespace reference
