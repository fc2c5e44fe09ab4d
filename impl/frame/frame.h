// SPDX-License-Identifier: MPL-2.0
// A shared handle to a page: one pointer wide. As long as one exists the page is in use (INV-18).
//
// Frame<P, M> knows the type of the page's metadata; Frame<P> is dynamic: only the slot knows it;
// Frame<P, Untyped>, or UFrame<P>, knows that users may read and write the page's bytes. A handle
// holds nothing when it was made so, or moved from. An operation that fails or panics leaves its
// operands where they are.
#pragma once

#include "impl/frame/bytes.h"
#include "impl/frame/meta_slot.h"

namespace mm {

struct Dyn {};
struct Untyped {};

// Any handle is a dynamic one, and one whose metadata is untyped is an untyped one.
template <class From, class To>
concept ForgetsTo = (std::same_as<To, Dyn> && !std::same_as<From, Dyn>) ||
                    (std::same_as<To, Untyped> && UntypedFrameMeta<From>);

// Through such a handle the page's bytes may be read and written.
template <class M>
concept HasUserBytes = std::same_as<M, Untyped> || UntypedFrameMeta<M>;

struct WrongType {};  // What was asked for is not what the page holds.

template <Platform P, class M>
class UniqueFrame;
template <Platform P, class M>
class Segment;
template <Platform P, class M>
class FrameRef;

template <Platform P, class M = Dyn>
class Frame;
template <Platform P>
using UFrame = Frame<P, Untyped>;

// Gives a handle up; true if it was the last, and the page went back to the allocator (POST-4).
// Panics, with the handle still held, if it is dynamic and the last of a page whose usage keeps it.
template <Platform P, class M>
bool drop(Frame<P, M>&& frame) noexcept;

// Adds a count to a page. Requires that the caller holds one, by into_raw() (POST-3).
template <Platform P>
void inc_frame_ref_count(PhysAddr at) noexcept {
  MetaSlot<P>::of_raw(at)->inc_ref_count();
}

template <Platform P, class M>
class Frame {
 public:
  static constexpr usize kFreePointerBits = 3;  // The lowest of into_pointer(): always zero.

  Frame() noexcept = default;
  Frame(Frame&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  Frame& operator=(Frame&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~Frame() {
    if (slot_ != nullptr) (void)mm::drop(std::move(*this));
  }

  template <class Other>
    requires ForgetsTo<Other, M>
  // NOLINTNEXTLINE(google-explicit-constructor): nothing is lost but the type.
  Frame(Frame<P, Other>&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}

  // A dynamic handle is a typed one, or an untyped one, if the slot says so; if not, it stays where
  // it is (POST-8).
  static Result<Frame, WrongType> try_from(Frame<P>&& dynamic) noexcept
    requires(!std::same_as<M, Dyn>)
  {
    if (!may_be(dynamic.dyn_meta())) return Failure{WrongType{}};
    return Frame(std::exchange(dynamic.slot_, nullptr));
  }

  // Makes an unused page a frame. The metadata is consumed even if that fails.
  static Result<Frame, GetFrameError> from_unused(PhysAddr at, M meta) noexcept
    requires FrameMeta<M>
  {
    return Frame(MM_TRY(MetaSlot<P>::get_from_unused(at, std::move(meta), /*as_unique=*/false)));
  }

  // A handle to a page that has some.
  static Result<Frame, GetFrameError> from_in_use(PhysAddr at) noexcept
    requires std::same_as<M, Dyn>
  {
    return Frame(MM_TRY(MetaSlot<P>::get_from_in_use(at)));
  }

  // A frame of the allocator's choice. The only error is that there is none.
  static std::optional<Frame> alloc(M meta) noexcept
    requires FrameMeta<M>
  {
    const std::optional<PhysAddr> at = P::alloc(kPageSize, kPageSize);
    if (!at) return std::nullopt;
    auto frame = from_unused(*at, std::move(meta));
    MM_ASSERT(P, "INV-2", frame.ok());
    return frame.take();
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }

  PhysAddr start_paddr() const noexcept { return slot_->paddr(); }
  static constexpr usize size() noexcept { return kPageSize; }
  static constexpr u8 map_level() noexcept { return 1; }

  // How many handles and raw counts there are: true at one moment, while others come and go.
  u64 reference_count() const noexcept {
    const u64 count = slot_->ref_count();
    MM_ASSERT(P, "INV-18", count - 1 < MetaSlot<P>::kCountMax);
    return count;
  }

  PageUsage usage() const noexcept { return slot_->vtable()->usage; }
  DynMeta dyn_meta() const noexcept { return slot_->dyn_meta(); }
  const M& meta() const noexcept
    requires FrameMeta<M>
  {
    // SAFETY: the storage holds an M: our type says so (INV-7), and our handle keeps it (INV-4).
    return *std::launder(static_cast<const M*>(std::as_const(*slot_).storage()));
  }

  // Of all bytes. Must not outlive the handle.
  VmReader<P> reader() const noexcept
    requires HasUserBytes<M>
  {
    return VmReader<P>(bytes());
  }
  VmWriter<P> writer() const noexcept
    requires HasUserBytes<M>
  {
    return VmWriter<P>(bytes());
  }

  // A handle more, like this one.
  Frame clone() const noexcept {
    slot_->inc_ref_count();
    return Frame(slot_);
  }

  // A view that must not outlive this handle (POST-7).
  FrameRef<P, M> borrow() const noexcept { return FrameRef<P, M>(slot_); }

  // Forgets the handle and keeps its count; and back. Requires that the count was of a handle like
  // this one (POST-6).
  PhysAddr into_raw() && noexcept { return std::exchange(slot_, nullptr)->paddr(); }
  static Frame from_raw(PhysAddr at) noexcept { return Frame(MetaSlot<P>::of_raw(at)); }

  // The same as a pointer that is not null, for whoever keeps marks in its lowest bits.
  void* into_pointer() && noexcept { return std::exchange(slot_, nullptr); }
  static Frame from_pointer(void* pointer) noexcept {
    // SAFETY: the pointer came from into_pointer(), its lowest bits are zero again.
    return Frame(static_cast<MetaSlot<P>*>(pointer));
  }

  // Of the same page.
  template <class Other>
  bool operator==(const Frame<P, Other>& other) const noexcept {
    return start_paddr() == other.start_paddr();
  }

 private:
  template <Platform, class>
  friend class Frame;
  template <Platform, class>
  friend class UniqueFrame;
  template <Platform, class>
  friend class Segment;
  template <Platform, class>
  friend class FrameRef;
  template <Platform Q, class N>
  friend bool drop(Frame<Q, N>&& frame) noexcept;
  template <Platform Q, class N>
  friend void drop(Segment<Q, N>&& segment) noexcept;

  static_assert(alignof(MetaSlot<P>) >= usize{1} << kFreePointerBits);

  // Requires a slot. Said to the compiler too: so a handle that is not moved from is dropped
  // without a question.
  explicit Frame(MetaSlot<P>* slot) noexcept : slot_(slot) {
    if (slot == nullptr) __builtin_unreachable();
  }

  std::span<u8> bytes() const noexcept { return {page_bytes<P>(start_paddr()), kPageSize}; }

  static bool may_be(DynMeta meta) noexcept {
    if constexpr (std::same_as<M, Untyped>) {
      return meta.is_untyped();
    } else {
      return meta.template is<M>();
    }
  }

  [[gnu::noinline]] static void drop_last(MetaSlot<P>* slot) noexcept {
    slot->template drop_last_in_place<M>();
    P::dealloc(slot->paddr(), kPageSize);
  }

  MetaSlot<P>* slot_ = nullptr;
};

template <Platform P, class M>
bool drop(Frame<P, M>&& frame) noexcept {
  bool was_last = false;
  if constexpr (std::same_as<M, Dyn>) {
    was_last = frame.slot_->dec_dyn_ref_count();
  } else {
    was_last = frame.slot_->dec_ref_count();
  }
  MetaSlot<P>* const slot = std::exchange(frame.slot_, nullptr);
  if (was_last) [[unlikely]]
    Frame<P, M>::drop_last(slot);
  return was_last;
}

// A borrowed handle: looks like the owner's, counts nothing, and must not outlive it (INV-17).
template <Platform P, class M = Dyn>
class FrameRef {
 public:
  // Requires an owner that keeps a count of the page, and whose handle was like this one.
  static FrameRef borrow_paddr(PhysAddr at) noexcept { return FrameRef(MetaSlot<P>::of_raw(at)); }

  FrameRef(const FrameRef&) = delete;
  FrameRef& operator=(const FrameRef&) = delete;
  ~FrameRef() {}  // Not the frame's: the count is the owner's.

  const Frame<P, M>& operator*() const noexcept { return frame_; }
  const Frame<P, M>* operator->() const noexcept { return &frame_; }

  Frame<P, M> to_owned() const noexcept { return frame_.clone(); }

 private:
  template <Platform, class>
  friend class Frame;
  explicit FrameRef(MetaSlot<P>* slot) noexcept : frame_(slot) {}

  union {
    Frame<P, M> frame_;
  };
};

}  // namespace mm
