// SPDX-License-Identifier: MPL-2.0
// The metadata kinds of trace/, as types of mm. They count how often they end.
#pragma once

#include <type_traits>

#include "check/bind/recorded.h"
#include "check/bind/sum.h"
#include "impl/frame/frame.h"
#include "impl/frame/kinds.h"
#include "impl/frame/list.h"
#include "trace/metadata.h"

namespace check {

constexpr trace::Status status_of(mm::GetFrameError error) {
  switch (error) {
    case mm::GetFrameError::not_aligned: return trace::Status::not_aligned;
    case mm::GetFrameError::out_of_bound: return trace::Status::out_of_bound;
    case mm::GetFrameError::in_use: return trace::Status::in_use;
    case mm::GetFrameError::unique: return trace::Status::unique;
    case mm::GetFrameError::busy: return trace::Status::busy;
    case mm::GetFrameError::unused: return trace::Status::unused;
    case mm::GetFrameError::retry: break;  // Never leaves mm: shown as what cannot be right.
  }
  return trace::Status::impermissible;
}

// What is so of a kind's pages: taken from the type of mm that the kind stands for, if there is
// one.
struct ClientMeta {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
};
template <trace::KindName>
inline constexpr ClientMeta kStandsFor{};
template <>
inline constexpr mm::EmptyMeta kStandsFor<trace::KindName::empty>{};
template <>
inline constexpr mm::KernelMeta kStandsFor<trace::KindName::kernel>{};
template <>
inline constexpr mm::ReservedMemoryMeta kStandsFor<trace::KindName::reserved>{};
template <>
inline constexpr mm::UnusableMemoryMeta kStandsFor<trace::KindName::unusable>{};
template <>
inline constexpr mm::MetaPageMeta kStandsFor<trace::KindName::meta>{};
template <>
inline constexpr mm::EarlyAllocatedFrameMeta kStandsFor<trace::KindName::early>{};
template <>
inline constexpr mm::KernelStackMeta kStandsFor<trace::KindName::kernel_stack>{};
template <>
inline constexpr mm::EmptyMeta kStandsFor<trace::KindName::link_empty>{};

// A kind's words, and what it does when it ends: of a link, its payload.
template <class P, trace::KindName Name>
struct Payload {
  using Stands = std::remove_const_t<decltype(kStandsFor<Name>)>;
  static constexpr trace::KindName kName = Name;
  static constexpr mm::PageUsage kUsage = Stands::kUsage;
  static constexpr bool kIsUntyped = mm::kIsUntyped<Stands>;

  // NOLINTNEXTLINE(google-explicit-constructor): so a link, too, is made of a number.
  Payload(mm::u64 value) noexcept {
    for (mm::u64& word : words) word = value++;
  }
  Payload(const Payload&) = default;
  Payload& operator=(const Payload&) = default;
  ~Payload() {
    // Those on somebody's stack are of no interest.
    const mm::u64 at = reinterpret_cast<mm::u64>(this) - P::kSlotsBase;
    if (at < P::globals().pages * sizeof(mm::MetaSlot<P>)) {
      ++P::ended().destroyed;
    }
  }

  void on_drop(mm::PageBytes bytes) noexcept {
    Ended& ended = P::ended();
    ++ended.on_drops;
    if constexpr (Name == trace::KindName::reentrant) ask_for(page_of(bytes), ended);
    if constexpr (Name == trace::KindName::reader || Name == trace::KindName::link_reader) {
      ended.sum += sum_of(bytes);
    }
  }

  std::array<mm::u64, trace::words_of(Name)> words;

 private:
  static mm::PhysAddr page_of(mm::PageBytes bytes) noexcept {
    return {reinterpret_cast<mm::u64>(bytes.data()) - P::kMemoryBase};
  }

  // Asks for the page that is ending. If it is given, which is wrong, the handle is forgotten: what
  // was answered is enough.
  static void ask_for(mm::PhysAddr page, Ended& ended) noexcept {
    using Claimed = Payload<P, trace::KindName::empty>;
    ended.claim = status_of(mm::Frame<P, Claimed>::from_unused(page, Claimed(0)));
    ended.join = status_of(mm::Frame<P>::from_in_use(page));
  }

  template <class F>
  static trace::Status status_of(mm::Result<F, mm::GetFrameError> made) noexcept {
    if (!made.ok()) return check::status_of(made.error());
    (void)made.take().into_raw();
    return trace::Status::ok;
  }
};

// The type of mm that a slot holds whose page is of a kind.
constexpr bool is_link(trace::KindName name) {
  return name == trace::KindName::link || name == trace::KindName::link_reader ||
         name == trace::KindName::link_empty;
}
template <class P, trace::KindName Name>
using Meta = std::conditional_t<is_link(Name), mm::Link<Payload<P, Name>>, Payload<P, Name>>;

// And back: its name, and its words.
template <class M>
inline constexpr trace::KindName kNameOf = M::kName;
template <class M>
inline constexpr trace::KindName kNameOf<mm::Link<M>> = M::kName;

template <class P, trace::KindName Name>
trace::Words words_of(const Payload<P, Name>& meta) {
  trace::Words words{};
  for (std::size_t i = 0; i < meta.words.size(); ++i) words[i] = meta.words[i];
  return words;
}
template <class M>
trace::Words words_of(const mm::Link<M>& link) {
  return words_of(link.meta());
}

// Calls `use(std::type_identity<the type>{})`.
template <class P>
decltype(auto) with_kind(trace::KindName name, auto&& use) {
  using enum trace::KindName;
  switch (name) {
    case empty: return use(std::type_identity<Meta<P, empty>>{});
    case value8: return use(std::type_identity<Meta<P, value8>>{});
    case value24: return use(std::type_identity<Meta<P, value24>>{});
    case full40: return use(std::type_identity<Meta<P, full40>>{});
    case reentrant: return use(std::type_identity<Meta<P, reentrant>>{});
    case reader: return use(std::type_identity<Meta<P, reader>>{});
    case kernel: return use(std::type_identity<Meta<P, kernel>>{});
    case reserved: return use(std::type_identity<Meta<P, reserved>>{});
    case unusable: return use(std::type_identity<Meta<P, unusable>>{});
    case meta: return use(std::type_identity<Meta<P, meta>>{});
    case early: return use(std::type_identity<Meta<P, early>>{});
    case kernel_stack: return use(std::type_identity<Meta<P, kernel_stack>>{});
    case link: return use(std::type_identity<Meta<P, link>>{});
    case link_reader: return use(std::type_identity<Meta<P, link_reader>>{});
    case link_empty: return use(std::type_identity<Meta<P, link_empty>>{});
    case node: break;  // See tables.h.
  }
  __builtin_unreachable();
}

// The kind of what a vtable says, or none: the pointer may be anything, so it is only compared.
template <class P>
std::optional<trace::KindName> kind_of(const mm::FrameVTable* vtable) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::optional<trace::KindName> found;
    auto test = [&]<trace::KindName Name>() {
      if (vtable == &mm::kVTableOf<Meta<P, Name>>) found = Name;
      return found.has_value();
    };
    (void)(test.template operator()<static_cast<trace::KindName>(I)>() || ...);
    return found;
  }(std::make_index_sequence<trace::Kind::kCount>{});
}

constexpr trace::Usage usage_of(mm::PageUsage usage) {
  switch (usage) {
    case mm::PageUsage::unused: return trace::Usage::unused;
    case mm::PageUsage::reserved: return trace::Usage::reserved;
    case mm::PageUsage::frame: return trace::Usage::frame;
    case mm::PageUsage::page_table: return trace::Usage::page_table;
    case mm::PageUsage::meta: return trace::Usage::meta;
    case mm::PageUsage::kernel: return trace::Usage::kernel;
    case mm::PageUsage::kernel_stack: return trace::Usage::kernel_stack;
    case mm::PageUsage::mmio: return trace::Usage::mmio;
  }
  return trace::Usage::unused;  // No usage of mm at all: shown as what no page in use can have.
}

}  // namespace check
