// SPDX-License-Identifier: MPL-2.0
// A table: a page of 512 entries, whose slot has what is known of it: its lock, its level, how many
// of its entries are present, and whether it has been cut off from the tree.
//
// The one handle to a node is the entry that leads to it, as a count; a root's handles are its page
// table's, and one of each CPU that runs it (INV-15). A node is born with all entries absent, or
// private until it is filled, and dies with what its entries hold: on_drop() gives up the children
// and the tracked frames, in ascending order (POST-24).
#pragma once

#include <array>

#include "impl/page_table/config.h"
#include "impl/tlb/cpu_set.h"

namespace mm {

struct NoCpuSet {};

// What is in a node's slot. All but the lock, the level and the CPUs belongs to who has the lock
// (L6).
template <PageTableConfig C>
class PageTablePageMeta {
 public:
  using P = typename C::Platform;
  static constexpr PageUsage kUsage = PageUsage::page_table;

  PageTablePageMeta(u8 level, bool is_locked) noexcept
      : lock_(is_locked ? kHeld : kFree), level_(level), is_born_locked_(is_locked) {}
  // It is moved only before anybody can see it: so the lock need not be read.
  PageTablePageMeta(PageTablePageMeta&& other) noexcept
      : PageTablePageMeta(other.level_, other.is_born_locked_) {}

  u8 level() const noexcept { return level_; }
  u16 nr_children() const noexcept { return nr_children_; }
  bool is_stray() const noexcept { return is_stray_; }
  // True at one moment only, unless the caller has the lock.
  bool is_locked() const noexcept { return lock_.load(std::memory_order_relaxed) != kFree; }

  void lock() noexcept {
    u8 seen = kFree;
    // ORDER: acquire pairs with the release in unlock(): the entries, the count of children and the
    // stray mark are as former holders left them (L2, L6). Strong: a free lock is had at once.
    if (!lock_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire,
                                       std::memory_order_relaxed)) [[unlikely]]
      lock_again();
  }
  // Requires that the caller has it.
  void unlock() noexcept {
    // ORDER: release pairs with the acquire in lock().
    lock_.store(kFree, std::memory_order_release);
  }

  void add_children(u16 count) noexcept { nr_children_ = static_cast<u16>(nr_children_ + count); }
  void sub_children(u16 count) noexcept { nr_children_ = static_cast<u16>(nr_children_ - count); }
  void mark_stray() noexcept { is_stray_ = true; }

  // Of a space's root: those that it is active on.
  CpuSet<P>& cpus() noexcept
    requires kIsSpace<C>
  {
    return cpus_;
  }
  const CpuSet<P>& cpus() const noexcept
    requires kIsSpace<C>
  {
    return cpus_;
  }

  // Gives up what the entries hold. Nobody else can reach the node, by any way.
  void on_drop(PageBytes bytes) noexcept;

 private:
  static constexpr u8 kFree = 0, kHeld = 1;

  [[gnu::cold, gnu::noinline]] void lock_again() noexcept {
    for (;;) {
      // Only read, until it is worth another try: the holder keeps its cache line.
      while (lock_.load(std::memory_order_relaxed) != kFree) P::spin_hint();
      u8 seen = kFree;
      // ORDER: as in lock().
      if (lock_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
        return;
      }
    }
  }

  typename P::template Atomic<u8> lock_;
  u8 level_;
  bool is_born_locked_;
  bool is_stray_ = false;
  u16 nr_children_ = 0;  // Present entries: of the root, those that are its own (INV-25).
  [[no_unique_address]] std::conditional_t<kIsSpace<C>, CpuSet<P>, NoCpuSet> cpus_;
};

// The handle of a node.
template <PageTableConfig C>
using Node = Frame<typename C::Platform, PageTablePageMeta<C>>;

// A node seen through the lock, which whoever has the view holds, or by somebody whom nobody else
// can meet there yet. Just an address: who copies it has the lock no more often.
template <PageTableConfig C>
class NodeView {
 public:
  using P = typename C::Platform;
  using Meta = PageTablePageMeta<C>;

  constexpr NodeView() noexcept = default;
  explicit constexpr NodeView(PhysAddr at) noexcept : at_(at) {}

  PhysAddr paddr() const noexcept { return at_; }
  Meta& meta() const noexcept {
    // SAFETY: the page is a node of this configuration: an entry of such a node led here, or a root
    // handle (INV-26); so its slot's storage holds a Meta (INV-7), as long as whoever keeps the
    // node does, or the read section lasts in which its address was found (L3).
    return *std::launder(static_cast<Meta*>(MetaSlot<P>::of(at_)->storage()));
  }

  PhysAddr entry_at(u64 index) const noexcept { return {at_.value + index * kEntryBytes}; }

  // What an entry is. Requires the lock.
  u64 peek(u64 index) const noexcept { return P::peek_pte(entry_at(index)); }
  // The same for a walker without it.
  u64 load(u64 index) const noexcept {
    // ORDER: acquire pairs with the release in store(): a table that is found is as whoever linked
    // it left it, its entries and its slot (L4, L7).
    return P::load_pte(entry_at(index), std::memory_order_acquire);
  }
  void store(u64 index, u64 bits) const noexcept {
    // ORDER: release pairs with the acquire in load(), for the reason given there.
    P::store_pte(entry_at(index), bits, std::memory_order_release);
  }

  // Has an entry fetched that will be wanted. Reads nothing.
  void prefetch(u64 index) const noexcept { __builtin_prefetch(page_bytes<P>(entry_at(index))); }

  // The entries of a node that nobody else can reach yet: plain memory.
  u64* private_entries() const noexcept {
    // SAFETY: the page holds 512 words, aligned, and is its maker's until it is linked.
    return reinterpret_cast<u64*>(page_bytes<P>(at_));
  }

 private:
  PhysAddr at_;
};

// Locks a node and unlocks it at the end, unless that is left to somebody else.
template <PageTableConfig C>
class NodeGuard {
 public:
  // LOCKS: the node's. Requires that no lock is held that comes later in the order of locking.h.
  explicit NodeGuard(NodeView<C> node) noexcept : node_(node) { node.meta().lock(); }
  NodeGuard(const NodeGuard&) = delete;
  NodeGuard& operator=(const NodeGuard&) = delete;
  ~NodeGuard() {
    if (is_held_) node_.meta().unlock();
  }

  const NodeView<C>& operator*() const noexcept { return node_; }
  const NodeView<C>* operator->() const noexcept { return &node_; }

  // From here on the caller has the lock, and unlocks it.
  NodeView<C> forget() && noexcept {
    is_held_ = false;
    return node_;
  }

 private:
  NodeView<C> node_;
  bool is_held_ = true;
};

// How a new node's entries are: all absent, or whatever they were, for who fills them all.
enum class Entries : u8 { absent, unset };

// A new node, of one handle; nothing if there is no memory.
template <PageTableConfig C>
std::optional<Node<C>> alloc_node(u8 level, bool is_locked, Entries entries) noexcept {
  auto node = Node<C>::alloc(PageTablePageMeta<C>(level, is_locked));
  if (node && entries == Entries::absent) {
    __builtin_memset(page_bytes<typename C::Platform>(node->start_paddr()), 0, kPageSize);
  }
  return node;
}

// Nodes that an operation takes before it links the first, so that running out of memory leaves
// everything as it was. What is left over is given back in reverse.
template <PageTableConfig C>
class SpareNodes {
 public:
  // `count` nodes, of the levels from `highest` down; false, and none is kept, if there is no
  // memory for all. Those of the levels from `locked` down are born locked.
  [[nodiscard]] bool take(u8 highest, u8 count, Entries entries, u8 locked) noexcept {
    for (; count_ < count; ++count_) {
      const auto level = static_cast<u8>(highest - count_);
      auto node = alloc_node<C>(level, level <= locked, entries);
      if (!node) {
        while (count_ > 0) nodes_[--count_] = Node<C>();
        return false;
      }
      nodes_[count_] = std::move(*node);
    }
    return true;
  }

  u8 count() const noexcept { return count_; }
  NodeView<C> operator[](u8 i) const noexcept { return NodeView<C>(nodes_[i].start_paddr()); }
  // The count of one is an entry's from here on.
  PhysAddr link(u8 i) noexcept { return std::move(nodes_[i]).into_raw(); }

 private:
  std::array<Node<C>, C::Paging::kLevels> nodes_{};  // From the highest level down.
  u8 count_ = 0;
};

// Whether a leaf of level 1 holds a count.
template <PageTableConfig C>
constexpr bool owns(u64 bits) noexcept {
  using Entry = typename C::Entry;
  return C::Items::kMayOwn && Entry::is_leaf(bits) && C::Items::owns((bits & Entry::kAvail1) != 0);
}

// Bounded by the levels: a child's on_drop() is called from here, and so on down.
template <PageTableConfig C>
void PageTablePageMeta<C>::on_drop(PageBytes bytes) noexcept {
  using Entry = typename C::Entry;
  // SAFETY: the page holds 512 words, aligned. Nobody writes them any more.
  const u64* const entries = reinterpret_cast<const u64*>(bytes.data());
  if (level_ > 1) {
    const bool is_root = level_ == C::Paging::kLevels;
    const u64 end = is_root ? C::kTopEnd : kEntries;
    u64 left = nr_children_;
    for (u64 i = is_root ? C::kTopBegin : 0; i < end && left > 0; ++i) {
      if (Entry::is_absent(entries[i])) continue;
      --left;
      if (Entry::is_table(entries[i])) {
        (void)drop(Node<C>::from_raw(Entry::table_paddr(entries[i])));
      }
    }
  } else if constexpr (C::Items::kMayOwn) {
    using Tracked = typename C::Items::Tracked;
    if (nr_children_ == 0) return;
    // Eight at a time: a line of the cache. Most tables have few, or nothing that is counted.
    constexpr u64 kSign = C::Items::owns(/*has_mark=*/true) ? Entry::kAvail1 : Entry::kLeaf;
    for (u64 i = 0; i < kEntries; i += 8) {
      u64 any = 0;
      for (u64 k = i; k < i + 8; ++k) any |= entries[k];
      if ((any & kSign) == 0) continue;
      for (u64 k = i; k < i + 8; ++k) {
        if (!owns<C>(entries[k])) continue;
        (void)drop(Frame<P, Tracked>::from_raw(Entry::leaf_paddr(entries[k], 1)));
      }
    }
  }
}

}  // namespace mm
