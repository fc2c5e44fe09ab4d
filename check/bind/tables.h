// SPDX-License-Identifier: MPL-2.0
// Page tables and cursors as lanes hold them: each as what it is, so that an operation runs the
// code of mm that its kind selects. None has a destructor: what a machine held when it is reset is
// forgotten, not given up.
#pragma once

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "impl/page_table/page_table.h"
#include "impl/vm/kernel_area.h"
#include "impl/vm/space.h"
#include "trace/op.h"

namespace check {

namespace detail {
template <class P, trace::TableKindName Name>
struct ConfigOf;
template <class P>
struct ConfigOf<P, trace::TableKindName::user> {
  using Type = mm::UserConfig<P>;
};
template <class P>
struct ConfigOf<P, trace::TableKindName::plain> {
  using Type = mm::PlainConfig<P>;
};
template <class P>
struct ConfigOf<P, trace::TableKindName::plain5> {
  using Type = mm::PlainConfig<P, mm::FiveLevels>;
};
template <class P>
struct ConfigOf<P, trace::TableKindName::space> {
  using Type = mm::SpaceConfig<P>;
};
// Few entries of the root, so that a machine is soon made.
template <class P>
struct ConfigOf<P, trace::TableKindName::kernel> {
  using Type = mm::KernelConfig<P, 508, 512>;
};
}  // namespace detail
template <class P, trace::TableKindName Name>
using Config = typename detail::ConfigOf<P, Name>::Type;

template <class P>
using KernelTableConfig = Config<P, trace::TableKindName::kernel>;
template <class P>
using KernelArea = mm::KernelArea<KernelTableConfig<P>>;

// The areas of a lane. An empty one is none, whoever made it.
template <class P>
class AreaFile {
 public:
  bool has(trace::Area place) const {
    return is_there_[place.index] && static_cast<bool>(get(place));
  }
  KernelArea<P>& at(trace::Area place) { return get(place); }
  const KernelArea<P>& at(trace::Area place) const { return get(place); }

  // Requires that there is none. An area is a node of a list: it is made where it stays.
  KernelArea<P>& make(trace::Area place) { return put(place, KernelArea<P>()); }
  KernelArea<P>& put(trace::Area place, KernelArea<P>&& area) {
    is_there_[place.index] = true;
    return *::new (static_cast<void*>(bytes_[place.index])) KernelArea<P>(std::move(area));
  }
  void forget() { is_there_ = {}; }

 private:
  KernelArea<P>& get(trace::Area place) const {
    // SAFETY: put() made it: is_there_ says so.
    return *std::launder(reinterpret_cast<KernelArea<P>*>(bytes_[place.index]));
  }

  std::array<bool, trace::Area::kCount> is_there_{};
  alignas(void*) mutable std::byte bytes_[trace::Area::kCount][sizeof(KernelArea<P>)];
};

// Whether tables of this kind have the kernel's half.
constexpr bool is_users(trace::TableKindName name) {
  return name == trace::TableKindName::user || name == trace::TableKindName::space;
}

constexpr trace::Status status_of(mm::PageTableError error) {
  switch (error) {
    case mm::PageTableError::invalid_range: return trace::Status::invalid_range;
    case mm::PageTableError::unaligned: return trace::Status::not_aligned;
    case mm::PageTableError::invalid_address: return trace::Status::invalid_address;
    case mm::PageTableError::no_memory: return trace::Status::no_memory;
    case mm::PageTableError::already_mapped: return trace::Status::already_mapped;
    // No trace is long enough for the first; nor is a change drawn so that only some pages refuse.
    case mm::PageTableError::too_many_pending:
    case mm::PageTableError::bad_cache: break;
  }
  return trace::Status::impermissible;
}

// Calls `use(std::type_identity<C>{})`, C being the configuration of tables of this kind.
template <class P>
decltype(auto) with_config(trace::TableKindName name, auto&& use) {
  using enum trace::TableKindName;
  switch (name) {
    case user: return use(std::type_identity<Config<P, user>>{});
    case plain: return use(std::type_identity<Config<P, plain>>{});
    case plain5: return use(std::type_identity<Config<P, plain5>>{});
    case space: return use(std::type_identity<Config<P, space>>{});
    case kernel: return use(std::type_identity<Config<P, kernel>>{});
  }
  __builtin_unreachable();
}

// The same of every configuration, one after another.
template <class P>
void for_each_config(auto&& use) {
  for (std::size_t name = 0; name < trace::kTableKindNames.size(); ++name) {
    with_config<P>(static_cast<trace::TableKindName>(name), use);
  }
}

// Calls `use(node)`, the metadata of a page-table node, if a slot with this vtable and this storage
// has such. Says whether it has.
template <class P>
bool with_node(const mm::FrameVTable* vtable, const void* storage, auto&& use) {
  bool is_node = false;
  for_each_config<P>([&]<class C>(std::type_identity<C>) {
    using Meta = mm::PageTablePageMeta<C>;
    if (vtable != &mm::kVTableOf<Meta>) return;
    // SAFETY: the storage holds what the vtable says (INV-7).
    use(*std::launder(static_cast<const Meta*>(storage)));
    is_node = true;
  });
  return is_node;
}

// A handle of a table, or none.
template <class P>
class AnyTable {
 public:
  bool has() const { return is_there_; }
  trace::TableKindName kind() const { return kind_; }  // Requires that there is one, as all below.

  template <trace::TableKindName Name>
  void put(mm::PageTable<Config<P, Name>>&& table) {
    put_as(Name, std::move(table));
  }
  template <class C>
  void put_as(trace::TableKindName name, mm::PageTable<C>&& table) {
    static_assert(sizeof table == sizeof bytes_);
    ::new (static_cast<void*>(bytes_)) mm::PageTable<C>(std::move(table));
    kind_ = name;
    is_there_ = true;
  }

  // Calls `use(PageTable<C>&)`.
  decltype(auto) with(auto&& use) const {
    return with_config<P>(
        kind_, [&]<class C>(std::type_identity<C>) -> decltype(auto) { return use(get<C>()); });
  }

  // Requires that it is the kernel's; or a space.
  mm::PageTable<KernelTableConfig<P>>& kernel() const { return get<KernelTableConfig<P>>(); }
  mm::VmSpace<P>& space() const { return get<Config<P, trace::TableKindName::space>>(); }

  // The handle is the caller's now: whatever is to be done with it has been.
  void forget() { is_there_ = false; }

 private:
  template <class C>
  mm::PageTable<C>& get() const {
    // SAFETY: put_as() made it, of this configuration: kind_ says so.
    return *std::launder(reinterpret_cast<mm::PageTable<C>*>(bytes_));
  }

  bool is_there_ = false;
  trace::TableKindName kind_{};
  alignas(void*) mutable std::byte bytes_[sizeof(mm::PageTable<mm::UserConfig<P>>)];
};

// The cursor that may change a table.
template <class C>
using ChangingCursor =
    std::conditional_t<mm::kIsSpace<C>, mm::SpaceCursorMut<typename C::Platform>, mm::CursorMut<C>>;

// A cursor, or none.
template <class P>
class AnyCursor {
 public:
  bool has() const { return is_there_; }
  bool may_change() const { return may_change_; }      // Requires that there is one, as all below.
  trace::TableKindName kind() const { return kind_; }  // Of its table.

  template <class Cursor>
  void put(trace::TableKindName name, Cursor&& cursor) {
    make(name, std::same_as<Cursor, ChangingCursor<typename Cursor::Config>>, std::move(cursor));
  }

  // Calls `use` with the cursor, of whichever type.
  decltype(auto) with(auto&& use) {
    return with_config<P>(kind_, [&]<class C>(std::type_identity<C>) -> decltype(auto) {
      return may_change_ ? use(get<ChangingCursor<C>>()) : use(get<mm::Cursor<C>>());
    });
  }
  // The same of one that may change the table: `use(ChangingCursor<C>&)`.
  decltype(auto) with_mut(auto&& use) {
    return with_config<P>(kind_, [&]<class C>(std::type_identity<C>) -> decltype(auto) {
      return use(get<ChangingCursor<C>>());
    });
  }
  // The same of one that has no flusher; `other` if it has.
  auto with_mut_but(const auto& other, auto&& use) {
    return with_config<P>(kind_, [&]<class C>(std::type_identity<C>) {
      if constexpr (mm::kIsSpace<C>) {
        return other;
      } else {
        return use(get<mm::CursorMut<C>>());
      }
    });
  }
  // Whether it is of a space, and may change it; and then `use(flusher)`.
  bool has_flusher() const { return has() && may_change_ && kind_ == trace::TableKindName::space; }
  decltype(auto) with_flusher(auto&& use) {
    return use(get<ChangingCursor<Config<P, trace::TableKindName::space>>>().flusher());
  }

  void close() {
    with([]<class Cursor>(Cursor& cursor) { cursor.~Cursor(); });
    is_there_ = false;
  }
  void forget() { is_there_ = false; }

 private:
  // Of the largest.
  static constexpr std::size_t kSize =
      std::max(sizeof(ChangingCursor<Config<P, trace::TableKindName::plain5>>),
               sizeof(ChangingCursor<Config<P, trace::TableKindName::space>>));

  template <class Cursor>
  void make(trace::TableKindName name, bool may_change, Cursor&& cursor) {
    static_assert(sizeof cursor <= kSize && alignof(Cursor) <= alignof(void*));
    ::new (static_cast<void*>(bytes_)) Cursor(std::move(cursor));
    kind_ = name;
    may_change_ = may_change;
    is_there_ = true;
  }

  template <class Cursor>
  Cursor& get() {
    // SAFETY: make() made it, of this type: kind_ and may_change_ say so.
    return *std::launder(reinterpret_cast<Cursor*>(bytes_));
  }

  bool is_there_ = false;
  bool may_change_ = false;
  trace::TableKindName kind_{};
  alignas(void*) std::byte bytes_[kSize];
};

// The tables of the machine, which all lanes share.
template <class P>
class MachineTables {
 public:
  // With the allocator's pages, of which there must be enough (trace::Machine::settle()).
  void make(trace::TableCount wanted) {
    using enum trace::TableKindName;
    forget();
    if (wanted.count >= 1) put<kernel>(0, KernelTable::new_kernel_page_table());
    if (wanted.count >= 2) put<user>(1, make_user<user>());
    if (wanted.count >= 3) put<plain>(2, mm::PageTable<Config<P, plain>>::empty());
    if (wanted.count >= 4) put<space>(3, make_user<space>());
  }
  // Of one of the user's kinds. Requires that the machine has tables.
  template <trace::TableKindName Name>
  auto make_user() const {
    return tables_[0].with([]<class C>(mm::PageTable<C>& kernel) {
      using User = mm::PageTable<Config<P, Name>>;
      if constexpr (std::same_as<mm::PageTable<C>, KernelTable>) {
        return User::create_user_page_table(kernel);
      } else {
        return User::empty();  // The first is the kernel's.
      }
    });
  }

  // Requires that the machine has tables.
  const mm::PageTable<KernelTableConfig<P>>& kernel() const { return tables_[0].kernel(); }

  bool has(std::uint8_t number) const { return tables_[number].has(); }
  AnyTable<P>& at(std::uint8_t number) { return tables_[number]; }
  const AnyTable<P>& at(std::uint8_t number) const { return tables_[number]; }
  void forget() {
    for (AnyTable<P>& table : tables_) table.forget();
  }

 private:
  using KernelTable = mm::PageTable<Config<P, trace::TableKindName::kernel>>;

  template <trace::TableKindName Name, class Made>
  void put(std::size_t number, Made made) {
    // There is memory, so nothing can be wrong but mm; then the table is missing, which shows.
    if (made.ok()) tables_[number].template put<Name>(made.take());
  }

  std::array<AnyTable<P>, trace::TableCount::kMost> tables_;
};

}  // namespace check
