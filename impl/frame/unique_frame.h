// SPDX-License-Identifier: MPL-2.0
// The only handle to a page: its holder may change the metadata, and what type it is (INV-19).
#pragma once

#include "impl/frame/frame.h"

namespace mm {

struct NotUnique {};  // There are other handles.

// Ends the page's use and gives it to the allocator (POST-12).
template <Platform P, class M>
void drop(UniqueFrame<P, M>&& frame) noexcept;

template <Platform P, class M = Dyn>
class UniqueFrame {
 public:
  UniqueFrame() noexcept = default;
  UniqueFrame(UniqueFrame&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  UniqueFrame& operator=(UniqueFrame&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~UniqueFrame() {
    if (slot_ != nullptr) mm::drop(std::move(*this));
  }

  // A typed handle is a dynamic one.
  template <FrameMeta Typed>
    requires std::same_as<M, Dyn>
  // NOLINTNEXTLINE(google-explicit-constructor): nothing is lost but the type.
  UniqueFrame(UniqueFrame<P, Typed>&& typed) noexcept
      : slot_(std::exchange(typed.slot_, nullptr)) {}

  // Makes an unused page a frame. The metadata is consumed even if that fails.
  static Result<UniqueFrame, GetFrameError> from_unused(PhysAddr at, M meta) noexcept
    requires FrameMeta<M>
  {
    return UniqueFrame(
        MM_TRY(MetaSlot<P>::get_from_unused(at, std::move(meta), /*as_unique=*/true)));
  }

  // Moves from `frame` only if that is the page's one handle (POST-11).
  static Result<UniqueFrame, NotUnique> try_from(Frame<P, M>&& frame) noexcept {
    if (!frame.slot_->try_make_unique()) return Failure{NotUnique{}};
    return UniqueFrame(std::exchange(frame.slot_, nullptr));
  }

  // The one handle becomes a shared one (POST-10).
  Frame<P, M> into_shared() && noexcept {
    slot_->make_shared();
    return Frame<P, M>(std::exchange(slot_, nullptr));
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }

  PhysAddr start_paddr() const noexcept { return slot_->paddr(); }
  static constexpr usize size() noexcept { return kPageSize; }
  static constexpr u8 map_level() noexcept { return 1; }
  PageUsage usage() const noexcept { return slot_->vtable()->usage; }
  DynMeta dyn_meta() const noexcept { return slot_->dyn_meta(); }

  // SAFETY (both): the storage holds an M: our type says so (INV-7), and nobody else reaches it.
  const M& meta() const noexcept
    requires FrameMeta<M>
  {
    return *std::launder(static_cast<const M*>(std::as_const(*slot_).storage()));
  }
  M& meta_mut() noexcept
    requires FrameMeta<M>
  {
    return *std::launder(static_cast<M*>(slot_->storage()));
  }

  // The page stays unique throughout; the old metadata is destroyed once (POST-9).
  template <FrameMeta New>
  UniqueFrame<P, New> repurpose(New meta) && noexcept {
    slot_->replace_meta(std::move(meta));
    return UniqueFrame<P, New>(std::exchange(slot_, nullptr));
  }

  // Ends the page's use without telling the allocator (POST-12): for the allocator itself, and for
  // whoever knows where the page goes.
  void reset_as_unused() && noexcept {
    MetaSlot<P>* const slot = std::exchange(slot_, nullptr);
    // ORDER: release, though nobody needs it: a busy slot is only refused. What hands the page on
    // is the release in drop_last_in_place().
    slot->leave_unique(std::memory_order_release);
    slot->template drop_last_in_place<M>();
  }

  // Forgets the handle, and the page stays unique; and back. Requires that it was like this one
  // (POST-6).
  PhysAddr into_raw() && noexcept { return std::exchange(slot_, nullptr)->paddr(); }
  static UniqueFrame from_raw(PhysAddr at) noexcept { return UniqueFrame(MetaSlot<P>::of_raw(at)); }

 private:
  template <Platform, class>
  friend class UniqueFrame;
  template <Platform, class>
  friend class LinkedList;
  template <Platform Q, class N>
  friend void drop(UniqueFrame<Q, N>&& frame) noexcept;
  // Requires a slot, as does Frame.
  explicit UniqueFrame(MetaSlot<P>* slot) noexcept : slot_(slot) {
    if (slot == nullptr) __builtin_unreachable();
  }

  MetaSlot<P>* slot_ = nullptr;
};

template <Platform P, class M>
void drop(UniqueFrame<P, M>&& frame) noexcept {
  MetaSlot<P>* const slot = std::exchange(frame.slot_, nullptr);
  // ORDER: none needed: nobody but us can reach the page until drop_last_in_place() releases it.
  slot->leave_unique(std::memory_order_relaxed);
  slot->template drop_last_in_place<M>();
  P::dealloc(slot->paddr(), kPageSize);
}

}  // namespace mm
