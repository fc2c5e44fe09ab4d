// SPDX-License-Identifier: MPL-2.0
// What one lane of mm holds, and small translations. All families use it.
//
// Handles are kept as what they are, typed, untyped or dynamic: each operation runs the code of mm
// that its handle's type selects. Registers have no destructor: what they hold when a machine is
// reset is forgotten, not given up.
#pragma once

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "check/bind/kinds.h"
#include "check/bind/page_mask.h"
#include "check/bind/tables.h"
#include "impl/frame/list.h"
#include "impl/frame/segment.h"
#include "trace/op.h"

namespace check {

// Whether a register holds a handle, and what that knows of the metadata.
using Knows = std::uint8_t;
inline constexpr Knows kNothing = 0, kDyn = 1, kUntyped = 2, kFirstTyped = 3;

constexpr Knows knows(trace::KindName name) {
  return static_cast<Knows>(kFirstTyped + static_cast<Knows>(name));
}
template <class M>
constexpr Knows knows(std::type_identity<M>) {
  if constexpr (std::same_as<M, mm::Dyn>) {
    return kDyn;
  } else if constexpr (std::same_as<M, mm::Untyped>) {
    return kUntyped;
  } else {
    return knows(kNameOf<M>);
  }
}

// Calls `use(std::type_identity<M>{})`, M being what makes a Frame<P, M> or a Segment<P, M>.
// Requires that there is a handle.
template <class P>
decltype(auto) with_known(Knows known, auto&& use) {
  if (known == kDyn) return use(std::type_identity<mm::Dyn>{});
  if (known == kUntyped) return use(std::type_identity<mm::Untyped>{});
  return with_kind<P>(static_cast<trace::KindName>(known - kFirstTyped), use);
}
template <class P>
decltype(auto) with_known_unique(Knows known, auto&& use) {
  if (known == kDyn) return use(std::type_identity<mm::Dyn>{});
  return with_kind<P>(static_cast<trace::KindName>(known - kFirstTyped), use);
}

template <class P, template <mm::Platform, class> class Handle, class Place>
class HandleFile {
 public:
  Knows known(Place at) const { return known_[at.index]; }
  bool has(Place at) const { return known(at) != kNothing; }
  bool has_typed(Place at) const { return known(at) >= kFirstTyped; }

  template <class M>
  void put(Place at, Handle<P, M>&& handle) {
    static_assert(sizeof(handle) == sizeof bytes_[0] && alignof(Handle<P, M>) == alignof(void*));
    ::new (static_cast<void*>(bytes_[at.index])) Handle<P, M>(std::move(handle));
    known_[at.index] = knows(std::type_identity<M>{});
  }

  // Calls `use` with the handle, as what it is. If `use` moves from it, the register is empty then;
  // after a panic settle() sees to that.
  decltype(auto) with(Place at, auto&& use) {
    return with_type(known(at), [&]<class M>(std::type_identity<M>) {
      auto result = use(get<M>(at));
      settle<M>(at);
      return result;
    });
  }

  // A handle that knows more becomes one of To, which must be among those it can be.
  template <class To>
  void forget_type(Place at) {
    put(at, with(at, []<class M>(Handle<P, M>& handle) {
          if constexpr (std::constructible_from<Handle<P, To>, Handle<P, M>>) {
            return Handle<P, To>(std::move(handle));
          } else {
            return Handle<P, To>();
          }
        }));
  }

  // A dynamic handle becomes one of M, or stays.
  template <class M>
  trace::Reply recover_type(Place at) {
    auto typed = Handle<P, M>::try_from(std::move(get<mm::Dyn>(at)));
    if (!typed.ok()) return {.status = trace::Status::wrong_kind};
    put(at, typed.take());
    return {};
  }

  // Empties the register if its handle was moved from. Requires that it was of this type.
  template <class M>
  void settle(Place at) {
    if (!get<M>(at)) known_[at.index] = kNothing;
  }

  // Requires that the handle there is of this type.
  template <class M>
  Handle<P, M>& get(Place at) {
    // SAFETY: put() made it, of this type: known() says so.
    return *std::launder(reinterpret_cast<Handle<P, M>*>(bytes_[at.index]));
  }

  // The handle's count is somebody else's now.
  void forget(Place at) { known_[at.index] = kNothing; }

  // Empties all registers whose handle was moved from by an operation that then panicked.
  void settle_all() {
    for (std::uint8_t i = 0; i < Place::kCount; ++i) {
      if (has({i})) with_type(known({i}), [&]<class M>(std::type_identity<M>) { settle<M>({i}); });
    }
  }

  void forget() { known_ = {}; }

 private:
  static decltype(auto) with_type(Knows known, auto&& use) {
    if constexpr (std::same_as<Place, trace::Unique>) {
      return with_known_unique<P>(known, use);
    } else {
      return with_known<P>(known, use);
    }
  }

  std::array<Knows, Place::kCount> known_{};
  alignas(void*) std::byte bytes_[Place::kCount][sizeof(Handle<P, mm::Dyn>)];
};

struct RawCount {
  mm::PhysAddr at;
  Knows known = kNothing;  // Of the handle that it was.
};

struct RawRange {
  mm::PhysAddr start;
  mm::PhysAddr end;
  Knows known = kNothing;  // Of the segment that it was.
};

// Pages of the allocator that are no frames.
struct HeldBlock {
  mm::PhysAddr at;
  mm::u64 pages = 0;  // None: the register is empty.

  mm::u64 bytes() const { return pages * mm::kPageSize; }
};

// A list, and its cursor while that is open.
template <class P, trace::KindName Name>
struct ListAndCursor {
  using Link = Meta<P, Name>;
  using List = mm::LinkedList<P, Payload<P, Name>>;

  constexpr ListAndCursor() : list() {}
  constexpr ~ListAndCursor() {}  // Not the list's.

  void forget() {
    cursor.reset();
    ::new (static_cast<void*>(&list)) List();
  }

  union {
    List list;
  };
  std::optional<typename List::Cursor> cursor;
};

// All lists of a lane: `with` calls `use` with one, `each` with every one and its register.
template <class P>
class ListFile {
 public:
  decltype(auto) with(trace::List at, auto&& use) {
    switch (at.index) {
      case 0: return use(std::get<0>(lists_));
      case 1: return use(std::get<1>(lists_));
      default: return use(std::get<2>(lists_));
    }
  }
  void each(auto&& use) const { each_of(lists_, use); }

  bool has_open(trace::List at) {
    return with(at, [](auto& one) { return one.cursor.has_value(); });
  }
  void forget() {
    each_of(lists_, [](auto& one, trace::List) { one.forget(); });
  }

 private:
  template <std::uint8_t I>
  using One = ListAndCursor<P, trace::list_kind({I}).name>;

  static void each_of(auto& lists, auto&& use) {
    use(std::get<0>(lists), trace::List{0});
    use(std::get<1>(lists), trace::List{1});
    use(std::get<2>(lists), trace::List{2});
  }

  static_assert(trace::List::kCount == 3);
  std::tuple<One<0>, One<1>, One<2>> lists_;
};

template <class P>
struct Registers;

// What lanes share beside slots and pages.
template <class P>
struct Shared {
  MachineTables<P> tables;
  bool goes_at_once = false;  // Lanes do, from now on.
  std::span<Registers<P>> lanes;

  // Whether whoever takes a lock of a table might wait for a cursor that nobody closes meanwhile.
  bool must_wait() const {
    return !goes_at_once && std::any_of(lanes.begin(), lanes.end(),
                                        [](const auto& lane) { return lane.cursor.has(); });
  }
};

template <class P>  // Recorded<…>
struct Registers {
  HandleFile<P, mm::Frame, trace::Frame> frames;
  HandleFile<P, mm::UniqueFrame, trace::Unique> uniques;
  HandleFile<P, mm::Segment, trace::Segment> segments;
  std::array<RawCount, trace::Raw::kCount> raws;
  std::array<RawRange, trace::RawSegment::kCount> raw_segments;
  std::array<HeldBlock, trace::Block::kCount> blocks;
  ListFile<P> lists;
  std::array<AnyTable<P>, trace::OwnTable::kCount> tables;
  AreaFile<P> areas;
  AnyCursor<P> cursor;
  Shared<P>* machine = nullptr;
  // The CPU reaches users' memory by a table that is no space, or has done so since it last forgot
  // everything: by that it may still reach a page that is nobody's.
  bool reaches_others = false, may_know_others = false;
  PageMask touched;  // The pages whose slots reset() must restore,
  PageMask written;  // and of these those whose bytes, too.

  auto& file(trace::Frame) { return frames; }
  auto& file(trace::Unique) { return uniques; }
  auto& file(trace::Segment) { return segments; }
  RawCount& at(trace::Raw place) { return raws[place.index]; }
  RawRange& at(trace::RawSegment place) { return raw_segments[place.index]; }
  HeldBlock& at(trace::Block place) { return blocks[place.index]; }

  bool has(auto place) { return file(place).has(place); }
  bool has(trace::Raw place) { return at(place).known != kNothing; }
  bool has(trace::RawSegment place) { return at(place).known != kNothing; }
  bool has(trace::Block place) { return at(place).pages != 0; }
  Knows known(auto place) { return file(place).known(place); }
  decltype(auto) with(auto place, auto&& use) { return file(place).with(place, use); }
  void put(auto place, auto&& handle) { file(place).put(place, std::move(handle)); }

  // Whether a handle is dynamic, or knows of a kind that is untyped: what can become untyped.
  bool may_be_untyped(auto place) {
    if (known(place) < kFirstTyped) return known(place) == kDyn;
    return with_known<P>(known(place),
                         []<class M>(std::type_identity<M>) { return mm::UntypedFrameMeta<M>; });
  }

  AnyTable<P>& own(trace::OwnTable place) { return tables[place.index]; }
  bool has_table(trace::Table table) {
    return table.is_shared() ? machine->tables.has(table.shared()) : own(table.own()).has();
  }
  bool has_space(trace::Table place) {
    return has_table(place) && table(place).kind() == trace::TableKindName::space;
  }
  // Requires that it is there.
  AnyTable<P>& table(trace::Table table) {
    return table.is_shared() ? machine->tables.at(table.shared()) : own(table.own());
  }

  // The pages that an operation was given may have become tables, and been given back since.
  void note_taken(const trace::PageList& taken) {
    for (std::uint16_t i = 0; i < taken.kept(); ++i) written.add(taken.page[i]);
    if (taken.count > taken.kept()) written = PageMask::all();
  }

  void note_activated(trace::TableKindName kind) {
    using enum trace::TableKindName;
    reaches_others = kind == user || kind == plain;
    may_know_others |= reaches_others;
  }
  void note_all_forgotten() { may_know_others = reaches_others; }

  void touch(mm::PhysAddr page) { touched.add(page.value / mm::kPageSize); }
  void touch_bytes(mm::PhysAddr start, mm::PhysAddr end) {
    written.add(start.value / mm::kPageSize, end.value / mm::kPageSize);
  }

  void settle() {
    frames.settle_all();
    uniques.settle_all();
    segments.settle_all();
  }

  void forget() {
    frames.forget();
    uniques.forget();
    segments.forget();
    for (RawCount& raw : raws) raw.known = kNothing;
    for (RawRange& raw : raw_segments) raw.known = kNothing;
    for (HeldBlock& block : blocks) block.pages = 0;
    lists.forget();
    for (AnyTable<P>& table : tables) table.forget();
    areas.forget();
    cursor.forget();
    reaches_others = may_know_others = false;
  }
};

// Whether tables of this kind take frames of which so much is known: a user's those that users may
// touch; the kernel's those that a handle that knows nothing can drop.
template <class P>
bool can_map(trace::TableKindName kind, Knows known) {
  using enum trace::TableKindName;
  if (known == kNothing || (!is_users(kind) && kind != kernel)) return false;
  if (known < kFirstTyped) return is_users(kind) && known == kUntyped;
  return with_known<P>(known, [&]<class M>(std::type_identity<M>) {
    if constexpr (mm::FrameMeta<M>) {
      constexpr bool kCanBeDropped =
          M::kUsage == mm::PageUsage::frame || M::kUsage == mm::PageUsage::kernel_stack;
      return is_users(kind) ? mm::UntypedFrameMeta<M> : kCanBeDropped;
    } else {
      return false;
    }
  });
}

template <class P>
mm::PhysAddr address(trace::PhysPlace at) {
  return {P::shape.address(at)};
}

// Of the metadata of a handle: as of the kind that it knows, or else that its slot says. A slot
// that names no kind is shown as one beyond all.
template <class P, template <mm::Platform, class> class Handle, class M>
trace::Reply kind_and_words(const Handle<P, M>& handle) {
  auto shown = [](std::size_t kind, const trace::Words& words) -> trace::Reply {
    return {.results = {kind, words[0], words[1], words[2], words[3], words[4]}};
  };
  if constexpr (mm::FrameMeta<M>) {
    return shown(static_cast<std::size_t>(kNameOf<M>), words_of(handle.meta()));
  } else {
    const mm::DynMeta meta = handle.dyn_meta();
    trace::Reply reply = shown(trace::kKindNames.size(), {});
    for_each_config<P>([&]<class C>(std::type_identity<C>) {
      const auto* const node = meta.template get_if<mm::PageTablePageMeta<C>>();
      if (node == nullptr) return;
      reply = shown(static_cast<std::size_t>(trace::KindName::node), {node->level()});
    });
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto test = [&]<trace::KindName Name>() {
        const auto* found = meta.template get_if<Meta<P, Name>>();
        if (found != nullptr) reply = shown(static_cast<std::size_t>(Name), words_of(*found));
        return found != nullptr;
      };
      (void)(test.template operator()<static_cast<trace::KindName>(I)>() || ...);
    }
    (std::make_index_sequence<trace::Kind::kCount>{});
    return reply;
  }
}

// What this operation found when it ended metadata, in the results from `first` on.
template <class P>
trace::Reply with_ended(trace::Reply reply, std::size_t first) {
  const Ended& ended = P::ended();
  for (const std::uint64_t result :
       {ended.on_drops, ended.destroyed, static_cast<std::uint64_t>(ended.claim),
        static_cast<std::uint64_t>(ended.join), ended.sum}) {
    reply.results[first++] = result;
  }
  return reply;
}

}  // namespace check
