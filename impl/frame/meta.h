// SPDX-License-Identifier: MPL-2.0
// Typed metadata of a page, and how a slot knows its type when the handle does not.
#pragma once

#include <concepts>
#include <new>
#include <span>
#include <type_traits>

#include "impl/addr/address.h"
#include "impl/frame/usage.h"

namespace mm {

inline constexpr usize kMetadataMaxSize = 40;
inline constexpr usize kMetadataMaxAlign = 64;

using PageBytes = std::span<const u8, kPageSize>;

// A type that may be stored in a slot. Two members are optional:
//
//   void on_drop(PageBytes) noexcept;          Sees the page's bytes before the metadata is
//                                              destroyed. May use the frame API; must not panic.
//   static constexpr bool kIsUntyped = true;   Users may read and write the page's bytes.
template <class M>
concept FrameMeta =
    sizeof(M) <= kMetadataMaxSize && alignof(M) <= kMetadataMaxAlign && std::is_object_v<M> &&
    std::is_nothrow_move_constructible_v<M> && std::is_nothrow_destructible_v<M> && requires {
      { M::kUsage } -> std::convertible_to<PageUsage>;
    };

template <class M>
inline constexpr bool kIsUntyped = [] {
  if constexpr (requires { M::kIsUntyped; }) {
    return M::kIsUntyped;
  } else {
    return false;
  }
}();

// Untyped is no way around the limits of size and alignment.
template <class M>
concept UntypedFrameMeta = FrameMeta<M> && kIsUntyped<M>;

// One per type; the address is the type's identity, so it must not be folded with another.
struct FrameVTable {
  PageUsage usage;
  bool is_untyped;
  bool keeps_last_handle;
  u8 size;  // Of the metadata, in bytes.
  void (*on_drop)(void* meta, PageBytes) noexcept;
  void (*destroy)(void* meta) noexcept;
};

// SAFETY (both casts): a slot's storage holds an M exactly while its vtable is M's (INV-7).
template <FrameMeta M>
inline constexpr FrameVTable kVTableOf = {
    .usage = M::kUsage,
    .is_untyped = kIsUntyped<M>,
    .keeps_last_handle = keeps_last_handle(M::kUsage),
    .size = sizeof(M),
    .on_drop =
        [](void* meta, PageBytes bytes) noexcept {
          if constexpr (requires(M& m) { m.on_drop(bytes); }) {
            static_assert(noexcept(static_cast<M*>(meta)->on_drop(bytes)));
            static_cast<M*>(meta)->on_drop(bytes);
          }
        },
    .destroy = [](void* meta) noexcept { static_cast<M*>(meta)->~M(); },
};

// Metadata whose type only the slot knows. Valid as long as the handle it came from.
class DynMeta {
 public:
  DynMeta(const void* storage, const FrameVTable* vtable) noexcept
      : storage_(storage), vtable_(vtable) {}

  PageUsage usage() const noexcept { return vtable_->usage; }
  bool is_untyped() const noexcept { return vtable_->is_untyped; }
  usize size() const noexcept { return vtable_->size; }

  template <FrameMeta M>
  bool is() const noexcept {
    return vtable_ == &kVTableOf<M>;
  }

  // Null if it is not an M.
  template <FrameMeta M>
  const M* get_if() const noexcept {
    // SAFETY: the storage holds an M while the vtable is M's (INV-7), and the handle keeps it.
    return is<M>() ? std::launder(static_cast<const M*>(storage_)) : nullptr;
  }

 private:
  const void* storage_;
  const FrameVTable* vtable_;
};

}  // namespace mm
