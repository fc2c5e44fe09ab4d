// SPDX-License-Identifier: MPL-2.0
// mm as a system under test, on any platform. Freestanding: a guest's agent can use it too.
//
// Besides what mm asks of it, the platform Base has `power_on()`, `become(cpu)` and
// `guarded(body)`, which says which panic ended the body.
#pragma once

#include "check/bind/alloc.h"
#include "check/bind/frame.h"
#include "check/bind/unique.h"
#include "trace/fact.h"

namespace check {

template <class Base>
class MmSystem {
 public:
  using P = Recorded<Base>;
  using Slot = mm::MetaSlot<P>;

  // From nothing: whatever was done to slots and pages is undone.
  void rebuild(const trace::Machine& shape) {
    P::power_on();
    for (mm::u64 page = 0; page < trace::Machine::kMostPages; ++page) {
      mm::u8* const bytes = mm::page_bytes<P>({page * mm::kPageSize});
      P::show(bytes, mm::kPageSize);
      __builtin_memset(bytes, static_cast<int>(page % 256), mm::kPageSize);
    }
    for (Registers<P>& lane : lanes_) lane.touched = ~std::uint64_t{0};
    is_sound_.store(true, std::memory_order_relaxed);
    reset(shape);
  }

  // To the machine's first state: restores only what was touched since. What a broken invariant
  // left behind is not trusted.
  void reset(const trace::Machine& shape) {
    if (!is_sound_.load(std::memory_order_relaxed)) return rebuild(shape);
    P::shape = shape;
    P::globals().max_paddr = shape.pages.value() * mm::kPageSize;
    P::globals().allocator.init(shape.loose.value(), shape.pages.value());
    std::uint64_t touched = 0;
    for (Registers<P>& lane : lanes_) {
      lane.forget();
      touched |= std::exchange(lane.touched, 0);
    }
    for (; touched != 0; touched &= touched - 1) {
      const auto page = static_cast<mm::u64>(std::countr_zero(touched));
      Slot::init(page, page + 1);
    }
  }

  // Decides by itself, from what the lane holds, whether the operation can be asked. After an abort
  // everything is passed over, until the system is reset.
  trace::Answer apply(std::uint8_t lane, const auto& op)
    requires requires(Registers<P>& held) { ask(held, op); }
  {
    Registers<P>& held = lanes_[lane];
    trace::Answer answer{.reply = {.status = trace::Status::passed_over}, .choices = {}};
    if (!is_sound_.load(std::memory_order_relaxed) || !can_ask(held, op)) return answer;

    P::become(lane);
    P::ended() = {};
    const mm::Panic panic = P::guarded([&] { answer.reply = ask(held, op); });
    if (panic != mm::Panic::none) [[unlikely]]
      answer.reply = after(panic, held);
    if (trace::Choices& made = P::choices();
        (made.taken.count | made.given.count | made.refused) != 0) {
      answer.choices = made;
      made.taken.count = made.given.count = made.refused = 0;
    }
    return answer;
  }

  void observe(std::uint64_t page, auto&& see) const {
    const Slot& slot = *Slot::of({page * mm::kPageSize});
    trace::PageInUse fact{.page = page, .in_list = slot.in_list()};
    if (const mm::u64 count = slot.ref_count(); count == Slot::kUnused) {
      fact.use = trace::Use::unused;
    } else if (count == Slot::kBusy) {
      fact.use = trace::Use::busy;
    } else {
      fact.use = count == Slot::kUnique ? trace::Use::unique : trace::Use::shared;
      fact.count = count == Slot::kUnique ? 0 : count;
      see_metadata(slot, fact);
    }
    if (fact.use != trace::Use::unused || fact.in_list != 0) see(fact);
    if (is_free(page)) see(trace::PageFree{page});
  }

  // One number for all that can be seen of a page, and more: every word of its slot that means
  // something. Any stray write changes it, but for accidents of one in 2^64.
  std::uint64_t digest(std::uint64_t page) const {
    const Slot& slot = *Slot::of({page * mm::kPageSize});
    const mm::u64 count = slot.ref_count();
    // A sum of products, not a chain of them: all can be under way at once.
    std::uint64_t sum = fold(count ^ 0x9e3779b97f4a7c15, slot.in_list() ^ 0xd6e8feb86659fd93) +
                        (is_free(page) ? 0xa0761d6478bd642f : 0);
    if (count != Slot::kUnused) {
      std::array<mm::u64, mm::kMetadataMaxSize / 8> words;
      __builtin_memcpy(words.data(), slot.storage(), sizeof words);
      const auto vtable = reinterpret_cast<mm::u64>(slot.vtable());
      sum += fold(vtable ^ 0xe7037ed1a0b428db, words[0] ^ 0x8ebc6af09c88c6e3) +
             fold(words[1] ^ 0x589965cc75374cc3, words[2] ^ 0x1d8e4e27c47d124f) +
             fold(words[3] ^ 0xeb44accab455d165, words[4] ^ 0x2d358dccaa6c78a5);
    }
    return sum * (2 * page + 0x8bb84b93962eacc9);  // An odd number for each page.
  }

 private:
  // Every bit of both words bears on every bit of the result, or nearly so.
  static std::uint64_t fold(mm::u64 left, mm::u64 right) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{left} * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  static bool is_free(std::uint64_t page) {
    return (P::globals().allocator.free_pages() >> page & 1) != 0;
  }

  // If the slot names no kind, the usage is shown as what no page in use has.
  static void see_metadata(const Slot& slot, trace::PageInUse& fact) {
    const mm::FrameVTable* const vtable = slot.vtable();
    const std::optional<trace::KindName> name = kind_of<P>(vtable);
    if (!name) return;
    fact.kind.name = *name;
    fact.usage = usage_of(vtable->usage);
    // SAFETY: a kind is its words, and nothing else; the storage holds one (INV-7).
    __builtin_memcpy(fact.words.data(), slot.storage(),
                     trace::words_of(*name) * sizeof fact.words[0]);
  }

  // What a panic leaves behind, and how it is told.
  trace::Reply after(mm::Panic panic, Registers<P>& held) {
    held.frames.settle();
    held.uniques.settle();
    switch (panic) {
      case mm::Panic::last_handle: return {trace::Status::panicked, trace::Code::last_handle};
      case mm::Panic::count_overflow:
        is_sound_.store(false, std::memory_order_relaxed);
        return {trace::Status::aborted, trace::Code::count_overflow};
      default:
        is_sound_.store(false, std::memory_order_relaxed);
        return {trace::Status::aborted, trace::Code::broken};
    }
  }

  std::array<Registers<P>, trace::Cpu::kMost> lanes_;
  std::atomic<bool> is_sound_ = false;  // Built, and not aborted since.
};

}  // namespace check
