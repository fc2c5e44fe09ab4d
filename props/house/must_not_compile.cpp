// SPDX-License-Identifier: MPL-2.0
// What the compiler refuses. Each case is written twice, wrong and right; CASE says which one is
// wrong, and the test wants the compiler's reason. With CASE=0 all are right, and must compile: so
// a case fails for its own reason and no other.
#include "impl/frame/kinds.h"
#include "impl/frame/unique_frame.h"
#include "impl/hosted/platform.h"

namespace {

using mm::Frame, mm::PageUsage, mm::UFrame, mm::UniqueFrame, mm::u32, mm::u64, mm::u8;

struct Value {
  static constexpr PageUsage kUsage = PageUsage::frame;
  u64 value = 0;
};

// 1. A word that promises 64 bits and keeps 32 could be wrapped by 2^32 handles.
template <class Kept>
struct Word {
  using Order = std::memory_order;
  static Kept low(u64 value) noexcept { return static_cast<Kept>(value); }

  explicit Word(u64 value) noexcept : kept(low(value)) {}
  u64 load(Order order) const noexcept { return kept.load(order); }
  void store(u64 value, Order order) noexcept { kept.store(low(value), order); }
  u64 exchange(u64 value, Order order) noexcept { return kept.exchange(low(value), order); }
  u64 fetch_add(u64 by, Order order) noexcept { return kept.fetch_add(low(by), order); }
  u64 fetch_sub(u64 by, Order order) noexcept { return kept.fetch_sub(low(by), order); }
  u64 fetch_or(u64 bits, Order order) noexcept { return kept.fetch_or(low(bits), order); }
  u64 fetch_and(u64 bits, Order order) noexcept { return kept.fetch_and(low(bits), order); }
  bool compare_exchange_strong(u64& seen, u64 next, Order yes, Order no) noexcept {
    Kept expected = low(seen);
    const bool ok = kept.compare_exchange_strong(expected, low(next), yes, no);
    seen = expected;
    return ok;
  }
  bool compare_exchange_weak(u64& seen, u64 next, Order yes, Order no) noexcept {
    return compare_exchange_strong(seen, next, yes, no);
  }

  std::atomic<Kept> kept;
};

#if CASE == 1
using Kept = u32;
#else
using Kept = u64;
#endif

struct P : mm::Hosted {
  template <class T>
  using Atomic = std::conditional_t<std::same_as<T, u64>, Word<Kept>, std::atomic<T>>;

  static mm::Globals<P>& globals() noexcept {
    static mm::Globals<P> the_globals;
    return the_globals;
  }
};

// 2. Untyped metadata is metadata: it must fit.
struct UntypedMeta {
  static constexpr PageUsage kUsage = PageUsage::frame;
  static constexpr bool kIsUntyped = true;
#if CASE == 2
  u64 words[6];
#else
  u64 words[5];
#endif
};
auto from_untyped(mm::PhysAddr at) { return Frame<P, UntypedMeta>::from_unused(at, {}); }

// 3. And so must aligned metadata: its size is at least its alignment.
#if CASE == 3
struct alignas(128) AlignedMeta {
#else
struct alignas(8) AlignedMeta {
#endif
  static constexpr PageUsage kUsage = PageUsage::frame;
};
auto from_aligned(mm::PhysAddr at) { return Frame<P, AlignedMeta>::from_unused(at, {}); }

// 4. Metadata says what its pages are used for.
struct NamelessMeta {
#if CASE != 4
  static constexpr PageUsage kUsage = PageUsage::frame;
#endif
};
auto from_nameless(mm::PhysAddr at) { return Frame<P, NamelessMeta>::from_unused(at, {}); }

// 5. An on_drop that could throw would leave a page half torn down.
struct ThrowingMeta {
  static constexpr PageUsage kUsage = PageUsage::frame;
#if CASE == 5
  void on_drop(mm::PageBytes) {}
#else
  void on_drop(mm::PageBytes) noexcept {}
#endif
};
auto from_throwing(mm::PhysAddr at) { return Frame<P, ThrowingMeta>::from_unused(at, {}); }

// 6. The one handle of a page cannot become two.
#if CASE == 6
auto second(UniqueFrame<P>& frame) { return UniqueFrame<P>(frame); }
#else
auto second(UniqueFrame<P>& frame) { return UniqueFrame<P>(std::move(frame)); }
#endif

// 7. A shared handle more is counted, never copied.
#if CASE == 7
auto copy(const Frame<P>& frame) { return Frame<P>(frame); }
#else
auto copy(const Frame<P>& frame) { return frame.clone(); }
#endif

// 8. A handle is only given up by who says so.
#if CASE == 8
void give_up(Frame<P>& frame) { (void)drop(frame); }
#else
void give_up(Frame<P>& frame) { (void)drop(std::move(frame)); }
#endif

// 9. Who shares a page may not write its metadata.
#if CASE == 9
void rewrite(Frame<P, Value>& frame) { frame.meta().value = 1; }
#else
void rewrite(UniqueFrame<P, Value>& frame) { frame.meta_mut().value = 1; }
#endif

// 10. A page whose bytes users may not touch is no UFrame.
#if CASE == 10
UFrame<P> untyped(Frame<P, Value> frame) { return frame; }
#else
UFrame<P> untyped(Frame<P, UntypedMeta> frame) { return frame; }
#endif

// 11. A dynamic handle becomes a typed one only after a look at the slot.
#if CASE == 11
Frame<P, Value> typed(Frame<P> frame) { return frame; }
#else
auto typed(Frame<P> frame) { return Frame<P, Value>::try_from(std::move(frame)); }
#endif

// 12. A borrowed handle stays with its owner's statement: it can be neither copied nor given up.
#if CASE == 12
void end(Frame<P>& frame) { (void)drop(std::move(*frame.borrow())); }
#else
void end(Frame<P>& frame) { (void)drop(frame.borrow().to_owned()); }
#endif

// 13. A refusal may not be overlooked.
#if CASE == 13
void join(mm::PhysAddr at) { Frame<P>::from_in_use(at); }
#else
void join(mm::PhysAddr at) { (void)Frame<P>::from_in_use(at); }
#endif

}  // namespace
