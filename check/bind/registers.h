// SPDX-License-Identifier: MPL-2.0
// What one lane of mm holds, and small translations. All families use it.
//
// Handles are kept as what they are, typed, untyped or dynamic: each operation runs the code of mm
// that its handle's type selects. Registers have no destructor: what they hold when a machine is
// reset is forgotten, not given up.
#pragma once

#include <utility>

#include "check/bind/kinds.h"
#include "impl/frame/unique_frame.h"
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
    return knows(M::kName);
  }
}

// Calls `use(std::type_identity<M>{})`, M being what makes a Frame<P, M>. Requires that there is a
// handle.
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
    ::new (static_cast<void*>(bytes_[at.index])) Handle<P, M>(std::move(handle));
    known_[at.index] = knows(std::type_identity<M>{});
  }

  // Calls `use` with the handle, as what it is. If `use` moves from it, the register is empty then;
  // after a panic settle() sees to that.
  decltype(auto) with(Place at, auto&& use) {
    return with_type(known(at), [&]<class M>(std::type_identity<M>) {
      auto& handle = get<M>(at);
      auto result = use(handle);
      if (!handle) known_[at.index] = kNothing;
      return result;
    });
  }

  // Requires that the handle there is of this type.
  template <class M>
  Handle<P, M>& get(Place at) {
    // SAFETY: put() made it, of this type: known() says so.
    return *std::launder(reinterpret_cast<Handle<P, M>*>(bytes_[at.index]));
  }

  // Empties registers whose handle was moved from by an operation that then panicked.
  void settle() {
    for (std::uint8_t i = 0; i < Place::kCount; ++i) {
      if (has({i})) {
        with({i}, [](auto&) { return 0; });
      }
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
  alignas(void*) std::byte bytes_[Place::kCount][sizeof(void*)];
  static_assert(sizeof(Handle<P, mm::Dyn>) == sizeof(void*));
};

struct RawCount {
  mm::PhysAddr at;
  Knows known = kNothing;  // Of the handle that it was.
};

template <class P>  // Recorded<…>
struct Registers {
  HandleFile<P, mm::Frame, trace::Frame> frames;
  HandleFile<P, mm::UniqueFrame, trace::Unique> uniques;
  std::array<RawCount, trace::Raw::kCount> raws;
  std::uint64_t touched = 0;  // One bit a page: what reset() must restore.

  auto& file(trace::Frame) { return frames; }
  auto& file(trace::Unique) { return uniques; }
  RawCount& at(trace::Raw place) { return raws[place.index]; }

  bool has(auto place) { return file(place).has(place); }
  bool has(trace::Raw place) { return at(place).known != kNothing; }
  Knows known(auto place) { return file(place).known(place); }
  decltype(auto) with(auto place, auto&& use) { return file(place).with(place, use); }
  void put(auto place, auto&& handle) { file(place).put(place, std::move(handle)); }

  void touch(mm::PhysAddr page) { touched |= std::uint64_t{1} << (page.value / mm::kPageSize); }

  void forget() {
    frames.forget();
    uniques.forget();
    for (RawCount& raw : raws) raw.known = kNothing;
  }
};

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
    return shown(static_cast<std::size_t>(M::kName), words_of(handle.meta()));
  } else {
    const mm::DynMeta meta = handle.dyn_meta();
    trace::Reply reply = shown(trace::Kind::kCount, {});
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto test = [&]<trace::KindName Name>() {
        const auto* found = meta.template get_if<Meta<P, Name>>();
        if (found != nullptr) reply = shown(static_cast<std::size_t>(Name), words_of(*found));
        return found != nullptr;
      };
      (void)(test.template operator()<static_cast<trace::KindName>(I)>() || ...);
    }(std::make_index_sequence<trace::Kind::kCount>{});
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
