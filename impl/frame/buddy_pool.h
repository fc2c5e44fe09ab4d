// SPDX-License-Identifier: MPL-2.0
// Free chunks, a list for each order. The first page of a chunk is in the list, by metadata of the
// pool's own; its other pages are unused. Of two buddies of one order a pool never has both: they
// are one chunk then.
//
// Not safe to share: whoever has one sees to it that one CPU uses it at a time.
#pragma once

#include <array>
#include <span>

#include "impl/frame/chunk.h"
#include "impl/frame/list.h"

namespace mm {

struct FreeHeadMeta {
  static constexpr PageUsage kUsage = PageUsage::frame;
  Order order;
};

template <Platform P, Order kOrders>
class BuddyPool {
 public:
  u64 bytes() const noexcept { return bytes_; }

  // Requires that its pages are unused, and nobody's.
  void insert(Chunk chunk) noexcept {
    bytes_ += chunk.bytes();
    if (chunk.order < kOrders) return merge(chunk);
    split_to_order(chunk, kOrders - 1, [&](Chunk part) { merge(part); });
  }

  // A chunk of just this order, if there is one or a larger one to be split.
  std::optional<Chunk> take(Order order) noexcept {
    if (order >= kOrders || filled_ >> order == 0) return std::nullopt;
    Chunk chunk = pop(order + static_cast<Order>(std::countr_zero(filled_ >> order)));
    while (chunk.order > order) {
      push(chunk.upper());
      chunk = chunk.lower();
    }
    bytes_ -= chunk.bytes();
    return chunk;
  }

  // A chunk of this order; or of the largest there is, if all are smaller.
  std::optional<Chunk> take_at_most(Order order) noexcept {
    if (filled_ == 0) return std::nullopt;
    return take(std::min(order, static_cast<Order>(std::bit_width(filled_)) - 1));
  }

  // Says that these pages are to be inserted, each by itself. Freed in random order they would wait
  // for memory again and again: for a buddy's slot, for its neighbours in the list. Now they wait
  // together.
  void prefetch(std::span<const PhysAddr> pages) noexcept {
    for (const PhysAddr at : pages) {
      for (Chunk chunk{at}; chunk.order < kFetched; chunk = chunk.merged()) {
        __builtin_prefetch(MetaSlot<P>::of(chunk.buddy()), /*rw=*/1);
      }
    }
    for (const PhysAddr at : pages) {
      for (Chunk chunk{at}; chunk.order < kFetched; chunk = chunk.merged()) {
        if (!prefetch_neighbours(chunk.buddy(), chunk.order)) break;
      }
    }
  }

  // Calls `see` with every chunk. Comes to an end even if a list is broken.
  void each(auto&& see) noexcept {
    for (List& list : lists_) {
      auto cursor = list.cursor_front_mut();
      for (usize left = list.size(); left > 0; --left, cursor.move_next()) {
        if (const FreeHeadMeta* head = cursor.current_meta()) see(of(*head));
      }
    }
  }

 private:
  using List = LinkedList<P, FreeHeadMeta>;
  using Head = UniqueFrame<P, Link<FreeHeadMeta>>;
  using Place = std::optional<typename List::Cursor>;

  // Chunks merge once on the average: of more orders, most is fetched in vain.
  static constexpr Order kFetched = 3;

  void merge(Chunk chunk) noexcept {
    while (chunk.order + 1 < kOrders && remove(chunk.buddy(), chunk.order)) chunk = chunk.merged();
    push(chunk);
  }

  void push(Chunk chunk) noexcept {
    auto head = Head::from_unused(chunk.at, Link(FreeHeadMeta{chunk.order}));
    MM_ASSERT(P, "INV-2", head.ok());
    P::hide(page_bytes<P>(chunk.at), kPageSize);  // The pool has the page, not its bytes.
    lists_[chunk.order].push_front(head.take());
    filled_ |= u32{1} << chunk.order;
  }

  // Requires that there is one.
  Chunk pop(Order order) noexcept {
    Head head = lists_[order].pop_front();
    return {end(std::move(head), order), order};
  }

  // The place in its list of the chunk that begins there, if there is one of this order.
  Place find(PhysAddr at, Order order) noexcept {
    List& list = lists_[order];
    return list.is_empty() ? Place() : list.cursor_mut_at(at);
  }

  // False if there is no such chunk.
  bool prefetch_neighbours(PhysAddr at, Order order) noexcept {
    Place next = find(at, order), prev = next;
    if (!next) return false;
    next->move_next();
    prev->move_prev();
    __builtin_prefetch(next->current_meta(), /*rw=*/1);
    __builtin_prefetch(prev->current_meta(), /*rw=*/1);
    return true;
  }

  // Takes the chunk that begins there out, if there is one of this order.
  bool remove(PhysAddr at, Order order) noexcept {
    Place cursor = find(at, order);
    if (!cursor) return false;
    (void)end(cursor->take_current(), order);
    return true;
  }

  // Of what was in the list of this order: all pages of the chunk are unused again.
  PhysAddr end(Head&& head, Order order) noexcept {
    if (lists_[order].is_empty()) filled_ &= ~(u32{1} << order);
    const PhysAddr at = head.start_paddr();
    std::move(head).reset_as_unused();
    return at;
  }

  static Chunk of(const FreeHeadMeta& head) noexcept {
    // SAFETY: the metadata of a head lies in its page's slot.
    const u64 offset = reinterpret_cast<u64>(&head) - P::kSlotsBase;
    return {{offset / sizeof(MetaSlot<P>) * kPageSize}, head.order};
  }

  std::array<List, kOrders> lists_{};
  u64 bytes_ = 0;
  u32 filled_ = 0;  // A bit for each order: whether its list has any.
  static_assert(kOrders <= 32);
};

}  // namespace mm
