// SPDX-License-Identifier: MPL-2.0
// A page table: a handle of its root, and all that hangs from it. Cursors do the rest.
#pragma once

#include "impl/page_table/cursor.h"

namespace mm {

// Where an address leads, and how.
struct Translated {
  PhysAddr at;
  PageProperty property;
};

template <PageTableConfig C>
class PageTable {
 public:
  using Config = C;
  using P = typename C::Platform;

  // Nothing is mapped. Error: no_memory, as of all that follow.
  static Result<PageTable, PageTableError> empty() noexcept {
    auto root = alloc_node<C>(C::Paging::kLevels, /*is_locked=*/false, Entries::absent);
    if (!root) return Failure{PageTableError::no_memory};
    return PageTable(std::move(*root));
  }

  // The same, with all the tables right below the root: so that user tables can have them for good
  // (INV-33).
  static Result<PageTable, PageTableError> new_kernel_page_table() noexcept
    requires(!C::kTopCanUnmap);

  // A user table that has the kernel's part, borrowed: those tables stay the kernel's, which must
  // outlive it (INV-29, POST-34).
  // LOCKS: the kernel's root; the new one is nobody's yet.
  template <PageTableConfig Kernel>
  static Result<PageTable, PageTableError> create_user_page_table(
      const PageTable<Kernel>& kernel) noexcept
    requires(Kernel::kTopBegin >= C::kTopEnd);

  // The same, borrowed as another user table has it: it is nobody's to change.
  static Result<PageTable, PageTableError> with_upper_half_of(const PageTable& other) noexcept
    requires(C::kTopEnd <= kEntries / 2);

  PageTable(PageTable&&) noexcept = default;
  PageTable& operator=(PageTable&&) noexcept = default;

  PhysAddr root_paddr() const noexcept { return root_.start_paddr(); }

  // Another handle of the same table.
  PageTable shallow_copy() const noexcept { return PageTable(root_.clone()); }

  // Drops the handle. True if it was the last count on the root: then the whole tree is dropped.
  friend bool drop(PageTable&& table) noexcept { return mm::drop(std::move(table.root_)); }

  // What the machine would find, asked without a lock: true at one moment, if others change it.
  // Requires a read section if they do.
  std::optional<Translated> page_walk(VirtAddr va) const noexcept;

  // This CPU translates by this table from now on, and has a handle of it as long as it does; what
  // it had of the table before is dropped, after that. The first time, what it translated by is no
  // table of ours, and nothing is dropped. Spaces keep account of it (INV-44), whatever kind the
  // other table is of.
  // Requires that the CPU is the caller's: preemption, at least, is disabled.
  void activate() const noexcept { activate_and(/*drops_previous=*/true); }
  void first_activate() const noexcept { activate_and(/*drops_previous=*/false); }

 private:
  template <PageTableConfig>
  friend class PageTable;

  explicit PageTable(Node<C>&& root) noexcept : root_(std::move(root)) {}

  void activate_and(bool drops_previous) const noexcept;
  static void leave_if_space(PhysAddr root) noexcept;

  Node<C> root_;
};

template <PageTableConfig C>
Result<PageTable<C>, PageTableError> PageTable<C>::new_kernel_page_table() noexcept
  requires(!C::kTopCanUnmap)
{
  PageTable made = MM_TRY(empty());
  const NodeView<C> root(made.root_paddr());
  for (u64 i = C::kTopBegin; i < C::kTopEnd; ++i) {
    auto child = alloc_node<C>(C::Paging::kLevels - 1, /*is_locked=*/false, Entries::absent);
    // What was made hangs from the root, and goes with it.
    if (!child) return Failure{PageTableError::no_memory};
    EntryView<C>(root, i).alloc_if_none(std::move(*child).into_raw());
  }
  return made;
}

template <PageTableConfig C>
template <PageTableConfig Kernel>
Result<PageTable<C>, PageTableError> PageTable<C>::create_user_page_table(
    const PageTable<Kernel>& kernel) noexcept
  requires(Kernel::kTopBegin >= C::kTopEnd)
{
  static_assert(Kernel::Paging::kLevels == C::Paging::kLevels);
  PageTable made = MM_TRY(empty());
  u64* const entries = NodeView<C>(made.root_paddr()).private_entries();
  const NodeGuard<Kernel> root(NodeView<Kernel>(kernel.root_paddr()));
  for (u64 i = Kernel::kTopBegin; i < Kernel::kTopEnd; ++i) {
    const u64 bits = root->peek(i);
    MM_ASSERT(P, "INV-33", Kernel::Entry::is_table(bits));
    // Written anew: what the machine has marked in the kernel's is not carried over. No count is
    // added, and the root does not take it for a child (INV-25).
    entries[i] = C::Entry::encode_table(Kernel::Entry::table_paddr(bits));
  }
  return made;
}

template <PageTableConfig C>
Result<PageTable<C>, PageTableError> PageTable<C>::with_upper_half_of(
    const PageTable& other) noexcept
  requires(C::kTopEnd <= kEntries / 2)
{
  using Entry = typename C::Entry;
  PageTable made = MM_TRY(empty());
  const NodeView<C> from(other.root_paddr());
  u64* const entries = NodeView<C>(made.root_paddr()).private_entries();
  for (u64 i = kEntries / 2; i < kEntries; ++i) {
    // Written anew, as above. They never change but by the machine's marks (INV-33).
    const u64 bits = from.peek(i);
    if (Entry::is_table(bits)) entries[i] = Entry::encode_table(Entry::table_paddr(bits));
  }
  return made;
}

template <PageTableConfig C>
std::optional<Translated> PageTable<C>::page_walk(VirtAddr va) const noexcept {
  using Entry = typename C::Entry;
  NodeView<C> node(root_paddr());
  for (u32 level = C::Paging::kLevels; level > 0; --level) {
    const u64 bits = node.load(index_of(va.value, level));
    if (Entry::is_leaf(bits)) {
      const u64 offset = va.value & (page_size(level) - 1);
      return Translated{{Entry::leaf_paddr(bits, level).value + offset},
                        C::Items::without_mark(Entry::leaf_property(bits))};
    }
    if (!Entry::is_table(bits)) return std::nullopt;
    node = NodeView<C>(Entry::table_paddr(bits));
  }
  return std::nullopt;
}

template <PageTableConfig C>
void PageTable<C>::activate_and(bool drops_previous) const noexcept {
  const PhysAddr previous = P::root();
  if (previous == root_paddr()) return;
  if constexpr (kIsSpace<C>) NodeView<C>(root_paddr()).meta().cpus().join(P::this_cpu());
  P::set_root(root_.clone().into_raw());
  if (drops_previous) leave_if_space(previous);
  if (drops_previous) (void)drop(Frame<P>::from_raw(previous));
}

// Of what this CPU has translated by until now, as its slot says. Requires that the CPU still has
// its handle.
template <PageTableConfig C>
void PageTable<C>::leave_if_space(PhysAddr root) noexcept {
  using Space = SpaceConfig<P, typename C::Paging>;
  if (!MetaSlot<P>::of(root)->dyn_meta().template is<PageTablePageMeta<Space>>()) return;
  NodeView<Space>(root).meta().cpus().leave(P::this_cpu());
}

}  // namespace mm
