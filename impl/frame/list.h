// SPDX-License-Identifier: MPL-2.0
// A doubly linked list of unique frames, through their metadata: it allocates nothing. Its frames
// stay unique, and belong to the list (INV-21).
//
//   ghost <--> front <--> ... <--> back <--> ghost
//
// A cursor is at a frame, or at the ghost: past the end at both sides. A list's id is in the slots
// of its frames, and in no other (INV-22, INV-23): so whether a page, any page, is in a list can be
// asked without owning it. The id is taken at the first need, and is never 0: that is what a slot
// says that is in no list.
//
// Lists are not safe to share: whoever has one sees to it that one CPU uses it at a time.
#pragma once

#include "impl/frame/unique_frame.h"

namespace mm {

// The metadata of a frame that can be in a list: M, of at most 24 bytes, and its neighbours.
template <class M>
class Link {
 public:
  static constexpr PageUsage kUsage = M::kUsage;
  static constexpr bool kIsUntyped = mm::kIsUntyped<M>;

  explicit Link(M meta) noexcept : meta_(std::move(meta)) {}

  M& meta() noexcept { return meta_; }
  const M& meta() const noexcept { return meta_; }

  // Null at the ends, and outside a list.
  const Link* next() const noexcept { return next_; }
  const Link* prev() const noexcept { return prev_; }

  void on_drop(PageBytes bytes) noexcept
    requires requires(M& meta) { meta.on_drop(bytes); }
  {
    static_assert(noexcept(meta_.on_drop(bytes)));
    meta_.on_drop(bytes);
  }

 private:
  template <Platform, class>
  friend class LinkedList;

  Link* next_ = nullptr;
  Link* prev_ = nullptr;
  M meta_;
};

template <Platform P, class M>
class LinkedList {
 public:
  using Element = UniqueFrame<P, Link<M>>;
  class Cursor;

  constexpr LinkedList() noexcept = default;
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;

  // Drops the frames that are left, from front to back.
  constexpr ~LinkedList() {
    if (front_ != nullptr) drop_all();
  }

  usize size() const noexcept { return size_; }
  bool is_empty() const noexcept { return front_ == nullptr; }
  u64 id() const noexcept { return id_; }  // 0 before the first need.

  void push_front(Element&& frame) noexcept { insert(front_, std::move(frame)); }
  void push_back(Element&& frame) noexcept { insert(nullptr, std::move(frame)); }

  // Hold nothing if the list is empty.
  Element pop_front() noexcept { return is_empty() ? Element() : take(front_); }
  Element pop_back() noexcept { return is_empty() ? Element() : take(back_); }

  // Whether a page, any page, is in this list (POST-23). No address that is no page's is.
  bool contains(PhysAddr at) noexcept { return find(at) != nullptr; }

  Cursor cursor_front_mut() noexcept { return Cursor(*this, front_); }
  Cursor cursor_back_mut() noexcept { return Cursor(*this, back_); }
  std::optional<Cursor> cursor_mut_at(PhysAddr at) noexcept {
    MetaSlot<P>* const slot = find(at);
    if (slot == nullptr) return std::nullopt;
    // SAFETY: the slot is in this list: so its storage holds a link (INV-7), and we own it
    // (INV-21).
    return Cursor(*this, std::launder(static_cast<Link<M>*>(slot->storage())));
  }

 private:
  static_assert(FrameMeta<Link<M>>);

  u64 need_id() noexcept {
    if (id_ == 0) [[unlikely]]
      id_ = take_id();
    return id_;
  }

  [[gnu::cold, gnu::noinline]] static u64 take_id() noexcept {
    // ORDER: none needed: that no two get the same is all.
    const u64 id = P::globals().next_list_id.fetch_add(1, std::memory_order_relaxed);
    MM_ASSERT(P, "INV-22", id < MetaSlot<P>::kCountMax);
    return id;
  }

  MetaSlot<P>* find(PhysAddr at) noexcept {
    auto slot = MetaSlot<P>::get_slot(at);
    if (!slot.ok()) return nullptr;
    MetaSlot<P>* const found = slot.take();
    return found->in_list() == need_id() ? found : nullptr;
  }

  // Before `next`, or behind all others (POST-19).
  void insert(Link<M>* next, Element&& frame) noexcept {
    Link<M>* const link = &frame.meta_mut();
    MM_ASSERT(P, "INV-19", link->next_ == nullptr && link->prev_ == nullptr);
    frame.slot_->set_in_list(need_id());
    frame.slot_ = nullptr;

    Link<M>* const prev = next != nullptr ? next->prev_ : back_;
    link->next_ = next;
    link->prev_ = prev;
    (prev != nullptr ? prev->next_ : front_) = link;
    (next != nullptr ? next->prev_ : back_) = link;
    ++size_;
  }

  // Requires that `link` is in this list (POST-20).
  Element take(Link<M>* link) noexcept {
    Link<M>* const next = std::exchange(link->next_, nullptr);
    Link<M>* const prev = std::exchange(link->prev_, nullptr);
    (prev != nullptr ? prev->next_ : front_) = next;
    (next != nullptr ? next->prev_ : back_) = prev;
    --size_;

    MetaSlot<P>* const slot = MetaSlot<P>::of_storage(link);
    slot->set_in_list(0);
    return Element(slot);
  }

  [[gnu::cold, gnu::noinline]] void drop_all() noexcept {
    while (!is_empty()) drop(pop_front());
  }

  Link<M>* front_ = nullptr;
  Link<M>* back_ = nullptr;
  usize size_ = 0;
  u64 id_ = 0;
};

// A place in a list, which may change it. While there is one, only it may be used of the list.
template <Platform P, class M>
class LinkedList<P, M>::Cursor {
 public:
  // From the back to the ghost, and on to the front (POST-21); and the other way (POST-22).
  void move_next() noexcept { current_ = current_ != nullptr ? current_->next_ : list_->front_; }
  void move_prev() noexcept { current_ = current_ != nullptr ? current_->prev_ : list_->back_; }

  // Null at the ghost.
  M* current_meta() noexcept { return current_ != nullptr ? &current_->meta_ : nullptr; }

  // At the ghost that is behind all others. The cursor stays where it is.
  void insert_before(Element&& frame) noexcept { list_->insert(current_, std::move(frame)); }

  // Holds nothing at the ghost. The cursor moves to the next frame, or the ghost.
  Element take_current() noexcept {
    if (current_ == nullptr) return {};
    Link<M>* const taken = std::exchange(current_, current_->next_);
    return list_->take(taken);
  }

  const LinkedList& as_list() const noexcept { return *list_; }

 private:
  friend class LinkedList;
  Cursor(LinkedList& list, Link<M>* current) noexcept : list_(&list), current_(current) {}

  LinkedList* list_;
  Link<M>* current_;
};

}  // namespace mm
