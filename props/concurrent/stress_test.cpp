// SPDX-License-Identifier: MPL-2.0
// Real threads, each a CPU of the simulated machine, at the allocator and at the slots: no explored
// schedule, but true parallel code. Under ThreadSanitizer it must be silent, and at the end nothing
// is lost.
#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "impl/frame/alloc_options.h"
#include "impl/frame/list.h"
#include "impl/hosted/platform.h"
#include "props/gen/dice.h"

namespace {

using P = mm::Hosted;
using mm::kPageSize, mm::PhysAddr, mm::u64;

constexpr u64 kPages = 128;
constexpr u64 kFirst = 16;  // Below, pages are nobody's.
constexpr u64 kBytes = (kPages - kFirst) * kPageSize;

struct Value {
  static constexpr mm::PageUsage kUsage = mm::PageUsage::frame;
  u64 word = 0;
};
using Shared = mm::Frame<P, Value>;

void power_on() {
  P::power_on();
  P::globals().pages = kPages;
  mm::MetaSlot<P>::init(0, kPages);
  P::globals().allocator.add_free_memory({kFirst * kPageSize}, kBytes);
}

// Frames on their way from one thread to another: addresses of raw counts, 0 for none.
std::array<std::atomic<u64>, 8> mailboxes{};

// ORDER: acquire takes over what the releasing half of another thread's exchange handed on.
Shared exchanged(std::size_t box, Shared frame) {
  const u64 mine = frame ? std::move(frame).into_raw().value : 0;
  const u64 theirs = mailboxes[box].exchange(mine, std::memory_order_acq_rel);
  return theirs == 0 ? Shared() : Shared::from_raw({theirs});
}

class Thread {
 public:
  Thread(mm::u32 cpu, std::uint64_t seed) : cpu_(cpu), dice_(seed) {}

  void run(int steps) {
    check::machine::become(cpu_);
    for (int i = 0; i < steps; ++i) step();
    held_.clear();
    while (list_.size() != 0) drop(list_.pop_back());
  }

 private:
  void step() {
    switch (dice_.below(8)) {
      case 0:
      case 1: return make();
      case 2: return lose();
      case 3: return meet();
      case 4: return join();
      case 5: return segment();
      case 6: return block();
      default: return listed();
    }
  }

  void make() {
    if (held_.size() == 24) return lose();
    auto frame = mm::FrameAllocOptions<P>().zeroed(dice_.one_in(4)).alloc_frame_with(Value{7});
    if (frame.ok()) held_.push_back(frame.take());
  }

  void lose() {
    if (!held_.empty()) held_.pop_back();
  }

  // Hands a clone on, and looks at what another thread handed on.
  void meet() {
    if (held_.empty()) return;
    Shared got = exchanged(dice_.below(mailboxes.size()), held_.back().clone());
    if (!got) return;
    EXPECT_EQ(got.meta().word, 7u);
    held_.back() = std::move(got);
  }

  // Any page, whoever may have it.
  void join() {
    auto found = mm::Frame<P>::from_in_use({dice_.below(kPages) * kPageSize});
    if (!found.ok()) return;
    auto dynamic = found.take();
    EXPECT_GT(dynamic.reference_count(), 0u);
    auto typed = Shared::try_from(std::move(dynamic));
    if (typed.ok()) EXPECT_EQ(typed.take().meta().word, 7u);
  }

  void segment() {
    auto made = mm::FrameAllocOptions<P>().zeroed(false).alloc_segment_with(
        1 + dice_.below(9), [](PhysAddr) noexcept { return Value{7}; });
    if (!made.ok()) return;
    auto all = made.take();
    const auto other = all.clone();
    if (all.size() > kPageSize)
      (void)all.split(kPageSize * dice_.between(1, all.size() / kPageSize - 1));
  }

  // Taken whole, given back in parts.
  void block() {
    const u64 pages = 1 + dice_.below(6);
    const auto at = P::alloc(pages * kPageSize, kPageSize);
    if (!at) return;
    const u64 first = dice_.below(pages + 1);
    if (first != 0) P::dealloc(*at, first * kPageSize);
    if (first != pages) P::dealloc({at->value + first * kPageSize}, (pages - first) * kPageSize);
  }

  void listed() {
    if (list_.size() > 4) return drop(list_.pop_front());
    const auto at = P::alloc(kPageSize, kPageSize);
    if (!at) return;
    list_.push_back(Element::from_unused(*at, mm::Link(Value{9})).take());
    (void)list_.contains({dice_.below(kPages) * kPageSize});  // Reads slots of any page.
  }

  using Element = mm::UniqueFrame<P, mm::Link<Value>>;

  mm::u32 cpu_;
  props::Dice dice_;
  std::vector<Shared> held_{};
  mm::LinkedList<P, Value> list_{};
};

TEST(Stress, ThreadsLoseNothing) {
  power_on();
  for (const std::size_t threads : {2u, 4u}) {
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads; ++i) {
      running.emplace_back([i] { Thread(static_cast<mm::u32>(i), 1 + i).run(60'000); });
    }
    for (std::thread& thread : running) thread.join();
    for (std::size_t box = 0; box < mailboxes.size(); ++box) (void)exchanged(box, Shared());

    EXPECT_EQ(P::globals().allocator.free_bytes(), kBytes);
    for (u64 page = 0; page < kPages; ++page) {
      const u64 count = mm::MetaSlot<P>::of({page * kPageSize})->ref_count();
      EXPECT_TRUE(count == mm::MetaSlot<P>::kUnused || count == mm::MetaSlot<P>::kUnique);
    }
  }
}

}  // namespace
