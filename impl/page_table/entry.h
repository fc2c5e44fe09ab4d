// SPDX-License-Identifier: MPL-2.0
// One entry of a node, seen through the node's lock: what it was when it was looked at, and the
// ways to change it. What is said of children here is one node's count; the locks of the nodes that
// an entry leads to are the cursor's (locking.h).
#pragma once

#include "impl/page_table/node.h"

namespace mm {

// The changes of a leaf that a client may ask for: op(flags, cache). It cannot touch the rest
// (BUG-33).
template <class Op>
concept ProtectOp = requires(Op& op, PageFlags& flags, CachePolicy& cache) {
  { op(flags, cache) } noexcept;
};

template <PageTableConfig C>
class EntryView {
 public:
  using P = typename C::Platform;
  using Entry = typename C::Entry;

  // Requires the node's lock, as long as there is the view.
  EntryView(NodeView<C> node, u64 index) noexcept
      : node_(node), index_(index), bits_(node.peek(index)) {}

  u64 bits() const noexcept { return bits_; }
  EntryKind kind() const noexcept { return Entry::kind_of(bits_); }
  bool is_absent() const noexcept { return Entry::is_absent(bits_); }
  bool is_leaf() const noexcept { return Entry::is_leaf(bits_); }
  bool is_table() const noexcept { return Entry::is_table(bits_); }

  // Requires a table.
  NodeView<C> child() const noexcept { return NodeView<C>(Entry::table_paddr(bits_)); }
  // Requires a leaf, in a node of this level.
  RawItem raw_item(u8 level) const noexcept {
    return {Entry::leaf_paddr(bits_, level), level, Entry::leaf_property(bits_)};
  }

  // Puts something else here, or nothing (0), and returns what was here: what either holds goes
  // with it (POST-33). The number of children follows (INV-25).
  u64 replace(u64 bits) noexcept {
    const bool was_absent = is_absent(), becomes_absent = Entry::is_absent(bits);
    if (was_absent && !becomes_absent) node_.meta().add_children(1);
    if (!was_absent && becomes_absent) node_.meta().sub_children(1);
    u64 before = bits_;
    if (is_leaf()) {
      // ORDER: release as in store(). An exchange, so that what the machine has marked until now is
      // in what is returned.
      before = P::exchange_pte(node_.entry_at(index_), bits, std::memory_order_release);
    } else {
      node_.store(index_, bits);
    }
    bits_ = bits;
    return before;
  }

  // What `op` makes of a leaf, not yet written; nothing, if it asks for a cache policy that cannot
  // be had. Requires a leaf.
  template <ProtectOp Op>
  [[gnu::always_inline]] std::optional<u64> protected_bits(Op& op) const noexcept {
    PageFlags flags = Entry::decode_flags(bits_);
    const CachePolicy before = Entry::decode_cache(bits_);
    CachePolicy cache = before;
    op(flags, cache);
    if (cache != before && Entry::fault_of_cache(cache) != Panic::none) return std::nullopt;
    return Entry::with(bits_, flags, cache);
  }

  // Writes them. What the machine has marked since the entry was looked at stays marked, whatever
  // the change is: no update of accessed or dirty is lost.
  [[gnu::always_inline]] void protect(u64 bits) noexcept {
    if (bits == bits_) return;
    u64 seen = bits_;
    // ORDER: release as in store().
    if (!P::compare_exchange_pte(node_.entry_at(index_), seen, bits, std::memory_order_release))
        [[unlikely]]
      protect_again(bits, seen);
  }

  // Links a table that was absent. Returns it, with its count given to the entry; the entry must be
  // absent, and the child new, of the level below.
  void alloc_if_none(PhysAddr child) noexcept {
    MM_ASSERT(P, "INV-25", is_absent());
    node_.meta().add_children(1);
    bits_ = Entry::encode_table(child);
    // L4: a child that belongs into the range of a cursor is locked by now.
    node_.store(index_, bits_);
  }

  // Links a table instead of a huge leaf, that maps the same: the translation of no address changes
  // (INV-42). Requires a leaf in a node of level `level`, which is above 1; the child is new.
  void split_if_mapped_huge(u8 level, PhysAddr child) noexcept {
    MM_ASSERT(P, "INV-27", is_leaf() && level > 1);
    const NodeView<C> below(child);
    below.meta().add_children(kEntries);
    fill(below, level);
    // L4, L9: the child is locked, by whoever splits.
    // ORDER: release as in store(): the table that is linked is whole.
    while (!P::compare_exchange_pte(node_.entry_at(index_), bits_, Entry::encode_table(child),
                                    std::memory_order_release)) [[unlikely]] {
      fill(below, level);  // The machine has marked the page meanwhile; nobody else can have come.
    }
    bits_ = Entry::encode_table(child);
  }

 private:
  // Nobody but the machine can have come between, and only with marks.
  [[gnu::cold, gnu::noinline]] void protect_again(u64 bits, u64 seen) noexcept {
    constexpr u64 kMarks = Entry::kAccessed | Entry::kDirty;
    do {
      bits |= seen & ~bits_ & kMarks;
      bits_ = seen;
      // ORDER: as in protect().
    } while (
        !P::compare_exchange_pte(node_.entry_at(index_), seen, bits, std::memory_order_release));
  }

  // The parts of the huge leaf: addresses by addition, all else the same.
  void fill(NodeView<C> child, u8 level) const noexcept {
    const u64 step = page_size(level - 1u);
    u64* const entries = child.private_entries();
    u64 bits = bits_;
    for (u64 i = 0; i < kEntries; i += 8, bits += 8 * step) {
      for (u64 k = 0; k < 8; ++k) entries[i + k] = bits + k * step;
    }
  }

  NodeView<C> node_;
  u64 index_;
  u64 bits_;
};

}  // namespace mm
